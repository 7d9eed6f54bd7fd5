"""What a pod's containers are given: environment variables and volumes, from ConfigMaps, Secrets, the pod itself and its token."""
import base64
import os
import pathlib
import re
import time

from kubeapi import ApiError

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
HURRY = "test.sluice.dev/rotate-token-s"  # annotation: a fresh token every so many seconds


class NotYet(Exception):
    """Something the pod names does not exist: its containers wait, as ContainerCreating with this message."""


def field(pod, ref, address):
    """fieldRef of the downward API."""
    path, meta = ref["fieldPath"], pod["metadata"]
    inner = re.fullmatch(r"metadata\.(labels|annotations)\['([^']+)'\]", path)
    if inner:
        return meta.get(inner[1], {}).get(inner[2], "")
    if path in ("metadata.labels", "metadata.annotations"):
        return "".join(f'{k}="{v}"\n' for k, v in sorted(meta.get(path[9:], {}).items()))
    return {"metadata.name": meta["name"], "metadata.namespace": meta["namespace"], "metadata.uid": meta["uid"],
            "spec.nodeName": pod["spec"].get("nodeName", ""), "spec.serviceAccountName": pod["spec"].get("serviceAccountName", ""),
            "status.podIP": address, "status.podIPs": address, "status.hostIP": "10.244.0.1"}[path]


class Sources:
    """ConfigMaps and Secrets of a namespace, read when they are needed."""

    def __init__(self, api, namespace):
        self.api, self.namespace = api, namespace

    def data(self, kind, name, optional=False):
        """Values by key, as bytes; NotYet when there is none."""
        o = self.api.get(f"/api/v1/namespaces/{self.namespace}/{kind}s/{name}")
        if o is None:
            if optional:
                return {}
            raise NotYet(f'{kind} "{name}" not found')
        if kind == "secret":
            return {k: base64.b64decode(v) for k, v in (o.get("data") or {}).items()}
        return {**{k: v.encode() for k, v in (o.get("data") or {}).items()},
                **{k: base64.b64decode(v) for k, v in (o.get("binaryData") or {}).items()}}

    def value(self, kind, ref):
        data = self.data(kind, ref["name"], ref.get("optional"))
        if ref["key"] not in data and not ref.get("optional"):
            raise NotYet(f'couldn\'t find key {ref["key"]} in {kind} {ref["name"]}')
        return data.get(ref["key"], b"").decode() if ref["key"] in data else None


def expand(text, env):
    """$(NAME) of variables that are known; $$(NAME) is $(NAME)."""
    return re.sub(r"\$\$|\$\(([A-Za-z_][\w.-]*)\)", lambda m: "$" if m[0] == "$$" else env.get(m[1], m[0]), text)


def environment(pod, container, address, sources, base):
    env = dict(base)
    for source in container.get("envFrom", []):
        for kind, key in (("configmap", "configMapRef"), ("secret", "secretRef")):
            if key in source:
                values = sources.data(kind, source[key]["name"], source[key].get("optional"))
                env.update({source.get("prefix", "") + k: v.decode() for k, v in values.items()})
    for e in container.get("env", []):
        ref = e.get("valueFrom", {})
        if "fieldRef" in ref:
            env[e["name"]] = field(pod, ref["fieldRef"], address)
        elif "configMapKeyRef" in ref or "secretKeyRef" in ref:
            kind = "configmap" if "configMapKeyRef" in ref else "secret"
            value = sources.value(kind, ref.get("configMapKeyRef") or ref["secretKeyRef"])
            if value is not None:
                env[e["name"]] = value
        elif "resourceFieldRef" in ref:
            env[e["name"]] = str(resource(container, ref["resourceFieldRef"]))
        else:
            env[e["name"]] = expand(e.get("value", ""), env)
    return env


def resource(container, ref):
    kind, _, name = ref["resource"].partition(".")
    return container.get("resources", {}).get(kind, {}).get(name, 0)


def keyed(data, items):
    """The keys that a volume's items pick, by path; all without items."""
    return data if items is None else {i["path"]: data[i["key"]] for i in items if i["key"] in data}


class Volumes:
    """A pod's volumes as folders. refresh() brings what has changed, the way a kubelet does: all of a volume at once."""

    def __init__(self, pod, folder, address, sources, api, ca):
        self.pod, self.folder, self.address, self.sources, self.api = pod, pathlib.Path(folder), address, sources, api
        self.claims = self.folder.parents[2] / "claims" / pod["metadata"]["namespace"]
        self.ca, self.tokens, self.shown = ca, {}, {}
        self.volumes = {v["name"]: v for v in pod["spec"].get("volumes", [])}
        for name, v in self.volumes.items():
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.refresh()

    def refresh(self):
        for name, v in self.volumes.items():
            files = self.files(name, v)
            if files is not None and files != self.shown.get(name):
                publish(self.folder / name, files)
                self.shown[name] = files

    def files(self, name, v):
        """Contents by path; None for a volume that is not made of files."""
        if "configMap" in v:
            return self.from_source("configmap", v["configMap"]["name"], v["configMap"])
        if "secret" in v:
            return self.from_source("secret", v["secret"]["secretName"], v["secret"])
        if "downwardAPI" in v:
            return self.downward(v["downwardAPI"])
        if "projected" in v:
            return {path: text for s in v["projected"]["sources"] for path, text in self.projected(name, s).items()}
        if "emptyDir" in v or "hostPath" in v or "persistentVolumeClaim" in v:
            return None
        raise NotYet(f'volume "{name}": the test kubelet knows no {", ".join(set(v) - {"name"})}')

    def from_source(self, kind, name, spec):
        return keyed(self.sources.data(kind, name, spec.get("optional")), spec.get("items"))

    def downward(self, spec):
        return {i["path"]: field(self.pod, i["fieldRef"], self.address).encode() for i in spec.get("items", []) if "fieldRef" in i}

    def projected(self, name, source):
        if "serviceAccountToken" in source:
            return {source["serviceAccountToken"]["path"]: self.token(name, source["serviceAccountToken"])}
        if "downwardAPI" in source:
            return self.downward(source["downwardAPI"])
        kind, key = ("configmap", "configMap") if "configMap" in source else ("secret", "secret")
        return self.from_source(kind, source[key]["name"], source[key])

    def token(self, name, spec):
        """A token bound to the pod; another one when 80 % of its time is over."""
        kept, now = self.tokens.get(name), time.time()
        if kept and now < kept[1]:
            return kept[0]
        meta, life = self.pod["metadata"], spec.get("expirationSeconds", 3600)
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {
            "expirationSeconds": life, "audiences": [spec["audience"]] if spec.get("audience") else [],
            "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]}}}
        account = self.pod["spec"].get("serviceAccountName") or "default"
        try:
            answer = self.api("POST", f"/api/v1/namespaces/{meta['namespace']}/serviceaccounts/{account}/token", body)
        except ApiError as e:
            raise NotYet(f"token for {account}: {e}") from e
        hurry = meta.get("annotations", {}).get(HURRY)
        self.tokens[name] = (answer["status"]["token"].encode(), now + (float(hurry) if hurry else 0.8 * life))
        return self.tokens[name][0]

    def binds(self, container):
        """(path, path outside, read only) for each mount."""
        out = []
        for m in container.get("volumeMounts", []):
            v = self.volumes[m["name"]]
            source, own = self.folder / m["name"], "emptyDir" in v or "persistentVolumeClaim" in v
            if "hostPath" in v:
                source = pathlib.Path(v["hostPath"]["path"])
            elif "persistentVolumeClaim" in v:
                source = self.claims / v["persistentVolumeClaim"]["claimName"]  # of any size, bound or not
            if m.get("subPath"):
                source = source / m["subPath"]
            if own:
                source.mkdir(parents=True, exist_ok=True)
            out.append((m["mountPath"].rstrip("/"), source.resolve(), m.get("readOnly", False) or not own and "hostPath" not in v))
        return out


def publish(folder, files):
    """All files appear at once: links lead through ..data, which is exchanged last."""
    fresh = folder / f"..{time.monotonic_ns()}"
    for path, content in files.items():
        (fresh / path).parent.mkdir(parents=True, exist_ok=True)
        (fresh / path).write_bytes(content)
    fresh.mkdir(exist_ok=True)
    (folder / "..data_tmp").symlink_to(fresh.name)
    os.replace(folder / "..data_tmp", folder / "..data")
    tops = {p.split("/")[0] for p in files}
    for top in tops:
        if not (folder / top).is_symlink():
            (folder / top).symlink_to(f"..data/{top}")
    for entry in folder.iterdir():
        if entry.is_symlink() and entry.name != "..data" and entry.name not in tops:
            entry.unlink()
