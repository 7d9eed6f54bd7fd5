{{- define "sluice.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "sluice.fullname" -}}
{{- $name := include "sluice.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- /* Cluster-wide objects: two installations in two namespaces must not share them. */}}
{{- define "sluice.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "sluice.fullname" .) }}
{{- end }}

{{- /* (dict "root" $ "component" "registryd") */}}
{{- define "sluice.selector" -}}
app.kubernetes.io/name: {{ include "sluice.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "sluice.labels" -}}
{{- if .component -}}
{{ include "sluice.selector" . }}
{{- else -}}
app.kubernetes.io/name: {{ include "sluice.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "sluice.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- define "sluice.adminSecret" -}}
{{- .Values.adminToken.existingSecret | default (printf "%s-admin" (include "sluice.fullname" .)) }}
{{- end }}

{{- define "sluice.registryUrl" -}}
{{- if .Values.rolloutd.registryUrl }}
{{- .Values.rolloutd.registryUrl }}
{{- else if .Values.registryd.enabled }}
{{- printf "http://%s-registryd.%s:%d" (include "sluice.fullname" .) .Release.Namespace (int .Values.registryd.service.port) }}
{{- else }}
{{- fail "rolloutd.registryUrl: say where registryd answers, since registryd.enabled is false" }}
{{- end }}
{{- end }}

{{- define "sluice.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "sluice.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- /* Settings by name as flags, sorted. */}}
{{- define "sluice.settings" -}}
{{- range $name, $value := . }}
- {{ printf "--%s=%v" ($name | replace "_" "-") (kindIs "float64" $value | ternary (int64 $value) $value) | quote }}
{{- end }}
{{- end }}

{{- /* Where and how a pod runs. (dict "root" $ "component" "registryd" "values" .Values.registryd) */}}
{{- define "sluice.placement" -}}
topologySpreadConstraints:
{{- if .values.topologySpreadConstraints }}
  {{- toYaml .values.topologySpreadConstraints | nindent 2 }}
{{- else }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "sluice.selector" . | nindent 8 }}
{{- end }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* Without the chart's version: a new chart alone starts no pod anew. */}}
{{- define "sluice.podLabels" -}}
{{- include "sluice.selector" . }}
{{- with .values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "sluice.policyApi" -}}
{{- .Capabilities.APIVersions.Has "policy/v1" | ternary "policy/v1" "policy/v1beta1" }}
{{- end }}

{{- /* "" on a server without API priority and fairness. */}}
{{- define "sluice.flowApi" -}}
{{- range list "v1" "v1beta3" "v1beta2" "v1beta1" }}
{{- if $.Capabilities.APIVersions.Has (printf "flowcontrol.apiserver.k8s.io/%s" .) }}
{{- printf "flowcontrol.apiserver.k8s.io/%s" . }}
{{- break }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The chart's policies and those of the values, as keys of a ConfigMap. */}}
{{- define "sluice.policies" -}}
{{- $all := dict }}
{{- range $path, $text := .Files.Glob "policies/*.yaml" }}
{{- $_ := set $all (trimSuffix ".yaml" (base $path)) (fromYaml (toString $text)) }}
{{- end }}
{{- range $name, $policy := .Values.rolloutd.policies }}
{{- $_ := set $all $name (empty $policy | ternary nil (mustMergeOverwrite (dict "name" $name "summary" "of the chart's values") (get $all $name | default dict) ($policy | default dict))) }}
{{- end }}
{{- range $name, $policy := $all }}
{{- if $policy }}
{{- printf "%s.yaml: |" $name | nindent 0 }}
  {{- toYaml $policy | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "sluice.policiesConfigMap" -}}
{{- .Values.rolloutd.existingPolicies | default (printf "%s-policies" (include "sluice.fullname" .)) }}
{{- end }}
