"""The chart as it is rendered: golden files, and what has to hold of every pod in them."""

import subprocess

import pytest
import yaml

from chart import BIN, CHART, LEAST, ROOT, helm, objects, pick, render, same_as_golden, template, with_values

EVERYTHING = yaml.safe_load((ROOT / "tests/chart/everything.yaml").read_text())
CASES = {
    "default": LEAST,
    "namespaced": {**LEAST, "rolloutd": {"watchNamespace": "scoring"}},
    "everything": EVERYTHING,
}


@pytest.mark.parametrize("case", CASES)
def test_golden_manifests(case):
    same_as_golden(ROOT / f"tests/golden/chart/{case}.yaml", render(CASES[case]))


def test_golden_notes():
    r = with_values(LEAST, "install", "sluice", CHART, "--namespace", "sluice-system", "--dry-run=client")
    assert r.returncode == 0, r.stderr
    same_as_golden(ROOT / "tests/golden/chart/notes.txt", r.stdout[r.stdout.index("NOTES:"):])


def test_golden_policies():
    def texts(folder):
        return {p.name: p.read_text() for p in folder.glob("*.yaml")}
    assert texts(CHART / "policies") == texts(ROOT / "policies"), "policies have changed; run make golden"


@pytest.mark.parametrize("case", CASES)
def test_lint_finds_nothing(case):
    r = with_values(CASES[case], "lint", "--strict", CHART)
    assert r.returncode == 0 and "[WARNING]" not in r.stdout, r.stdout + r.stderr


@pytest.mark.parametrize("case", CASES)
def test_every_object_is_found_by_its_labels(case):
    found = objects(CASES[case])
    assert len({(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) for o in found}) == len(found)
    for o in found:
        labels = o["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "sluice" and labels["app.kubernetes.io/managed-by"] == "Helm", o


def pods(found):
    return [(o["metadata"]["name"], o["spec"]) for o in found if o["kind"] in ("Deployment", "StatefulSet")]


@pytest.mark.parametrize("case", CASES)
def test_pods_are_confined_and_probed(case):
    for name, workload in pods(objects(CASES[case])):
        spec = workload["template"]["spec"]
        assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert name.endswith("rolloutd") or spec["automountServiceAccountToken"] is False
        for c in spec["containers"]:
            assert c["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                            "capabilities": {"drop": ["ALL"]}}
            assert c["resources"]["limits"]["memory"] and c["resources"]["requests"]
            assert c["livenessProbe"]["httpGet"]["path"] == "/healthz" and c["readinessProbe"]["httpGet"]["path"] == "/readyz"
            mounted = {m["name"] for m in c["volumeMounts"]}
            volumes = {v["name"] for v in spec["volumes"]} | {v["metadata"]["name"] for v in workload.get("volumeClaimTemplates", [])}
            assert mounted == volumes


@pytest.mark.parametrize("case", CASES)
def test_selectors_select_the_pods_they_are_for(case):
    found = objects(CASES[case])
    labels = {name: w["template"]["metadata"]["labels"] for name, w in pods(found)}
    for name, workload in pods(found):
        assert workload["selector"]["matchLabels"].items() <= labels[name].items()
    for o in found:
        spec, name = o.get("spec", {}), o["metadata"]["name"]
        if o["kind"] == "Service":
            wanted = dict(spec["selector"])
            if name.endswith("rolloutd"):
                assert wanted.pop("sluice.dev/leader") == "true"  # rolloutd sets it
        elif o["kind"] == "PodDisruptionBudget":
            wanted = spec["selector"]["matchLabels"]
        elif o["kind"] == "NetworkPolicy":
            wanted = spec["podSelector"]["matchLabels"]
        else:
            continue
        assert [n for n, l in labels.items() if wanted.items() <= l.items()] == [name], o["kind"]


def test_two_installations_share_no_cluster_wide_object():
    def cluster_wide(namespace):
        return {(o["kind"], o["metadata"]["name"]) for o in objects(LEAST, namespace=namespace)
                if o["kind"] in ("ClusterRoleBinding", "FlowSchema")}
    assert cluster_wide("one") and not cluster_wide("one") & cluster_wide("two")


def test_namespaced_grants_nothing_cluster_wide():
    found = objects({**LEAST, "rbac": {"peopleRoles": False}, "rolloutd": {"watchNamespace": "scoring"}})
    assert not [o["metadata"]["name"] for o in found if o["kind"].startswith("Cluster")]
    assert pick(found, "Role", "sluice-rolloutd")["metadata"]["namespace"] == "scoring"


def test_policies_of_the_values_change_members_add_and_remove():
    policies = {"canary": {"min_requests": 7}, "instant": None, "mine": {"steps": [{"weight": 100, "hold": "5m"}]}}
    data = pick(objects({**LEAST, "rolloutd": {"policies": policies}}), "ConfigMap", "sluice-policies")["data"]
    canary, shipped = (yaml.safe_load(t) for t in (data["canary.yaml"], (ROOT / "policies/canary.yaml").read_text()))
    assert canary == {**shipped, "min_requests": 7}
    assert "instant.yaml" not in data and yaml.safe_load(data["mine.yaml"]) == {"name": "mine", "summary": "of the chart's values", **policies["mine"]}


@pytest.mark.parametrize("policies, code", [({}, 0), ({"canary": {"min_requests": -1}}, 2)])
def test_rolloutd_reads_the_policies_as_rendered(tmp_path, policies, code):
    data = pick(objects({**LEAST, "rolloutd": {"policies": policies}}), "ConfigMap", "sluice-policies")["data"]
    for name, text in data.items():
        (tmp_path / name).write_text(text)
    r = subprocess.run([BIN / "rolloutd", "--check-policies", tmp_path], capture_output=True, text=True)
    assert r.returncode == code, r.stdout + r.stderr


def test_another_policy_starts_rolloutd_anew():
    def sums(policies):
        found = objects({**LEAST, "rolloutd": {"policies": policies}})
        return pick(found, "Deployment", "sluice-rolloutd")["spec"]["template"]["metadata"]["annotations"]["checksum/policies"]
    assert sums({}) == sums({}) != sums({"canary": {"min_requests": 7}})


def test_the_admin_token_is_made_well_and_differs_each_time():
    def token():
        return pick(objects({"postgres": {"dsn": "postgresql://db/x"}}), "Secret", "sluice-admin")["data"]["token"]
    assert len(token()) > 40 and token() != token()


def test_persistence_gives_each_rolloutd_a_volume_of_its_own():
    found = objects({**LEAST, "rolloutd": {"persistence": {"enabled": True, "size": "5Gi"}}})
    state = pick(found, "StatefulSet", "sluice-rolloutd")["spec"]
    assert state["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"] == "5Gi"
    assert pick(found, "Service", state["serviceName"])


@pytest.mark.parametrize("values, says", [
    ({}, "postgres.existingSecret"),
    ({"registryd": {"enabled": False}, "adminToken": {"existingSecret": "a"}}, "rolloutd.registryUrl"),
    ({"registryd": {"enabled": False}, "rolloutd": {"registryUrl": "http://r:8470"}}, "adminToken.existingSecret"),
    ({**LEAST, "monitors": {"daemons": True}}, "monitors.tokenSecret"),
])
def test_what_is_missing_is_said(values, says):
    r = template(values)
    assert r.returncode != 0 and says in r.stderr, r.stderr


def test_alert_rules_are_those_that_are_tested():
    rule = pick(objects({**LEAST, "monitors": {"alerts": True}}), "PrometheusRule", "sluice")
    assert rule["spec"] == yaml.safe_load((CHART / "alerts.yaml").read_text())


def test_without_registryd_nothing_of_it_is_left():
    values = {"registryd": {"enabled": False}, "rolloutd": {"registryUrl": "http://registry.infra:8470"}, "adminToken": {"existingSecret": "a"}}
    found = objects(values)
    assert not [o for o in found if "registryd" in o["metadata"]["name"] or "postgres" in o["metadata"]["name"]]
    assert "--registry=http://registry.infra:8470" in pods(found)[0][1]["template"]["spec"]["containers"][0]["args"]


def test_package_holds_what_is_rendered(tmp_path):
    r = helm("package", CHART, "-d", tmp_path)
    assert r.returncode == 0, r.stderr
    r = with_values(LEAST, "template", "sluice", next(tmp_path.iterdir()), "--namespace", "sluice-system")
    assert r.stdout == render(LEAST)
