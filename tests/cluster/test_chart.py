"""The chart on a real API server: what it renders is accepted, and what it installs works and grants what is used."""
import subprocess

import pytest
import yaml

from install import CHART, ROOT, Installation, OpenPostgres

EVERYTHING = yaml.safe_load((ROOT / "tests/chart/everything.yaml").read_text())
LEAST = {"postgres": {"existingSecret": "registry-postgres"}, "adminToken": {"existingSecret": "registry-admin"}}


@pytest.fixture(scope="module")
def definitions(cluster, kubectl):
    """The kinds that the chart's objects are of: ours, and the Prometheus Operator's."""
    for path in (CHART / "crds/modelrollouts.yaml", ROOT / "tests/cluster/monitoring.yaml"):
        kubectl("apply", "--server-side", "-f", path)
    kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")


@pytest.fixture
def sluice(cluster, tmp_path, namespace):
    return Installation(cluster, None, tmp_path, namespace)


@pytest.mark.parametrize("values", [LEAST, {**LEAST, "rolloutd": {"watchNamespace": "default"}}, EVERYTHING],
                         ids=["default", "namespaced", "everything"])
def test_what_is_rendered_is_accepted(sluice, kubectl, definitions, values):
    text = sluice.with_values("template", values, "--validate")
    found = [o for o in yaml.safe_load_all(text) if o]
    said = kubectl("apply", "--dry-run=server", "-f", "-", stdin=text)
    assert said.count("(server dry run)") == len(found)
    served = set(kubectl("api-versions").split())
    assert {o["apiVersion"] for o in found} <= served


def test_a_field_that_does_not_exist_is_not_accepted(sluice, definitions):
    """The test above can fail."""
    text = sluice.with_values("template", LEAST, "--validate").replace("readinessProbe:", "readynessProbe:")
    assert "readynessProbe" in text
    r = subprocess.run([f"{sluice.cluster.bin}/kubectl", f"--kubeconfig={sluice.cluster.kubeconfig}", "apply", "--dry-run=server", "-f",
                        "-"], input=text, capture_output=True, text=True)
    assert r.returncode != 0 and "readynessProbe" in r.stderr


@pytest.fixture(scope="module")
def database(kubelet):
    p = OpenPostgres()
    try:
        p.start()
        yield p
    finally:
        p.remove()


def ready(kubectl, namespace, what):
    kubectl("rollout", "status", "-n", namespace, what, "--timeout=50s")


def test_install(cluster, kubelet, kubectl, tmp_path, namespace, database, definitions):
    s = Installation(cluster, kubelet, tmp_path, namespace)
    s.install({"postgres": {"dsn": database.uri()}}, "--force-conflicts")
    try:
        ready(kubectl, namespace, "deployment/sluice-registryd")
        ready(kubectl, namespace, "deployment/sluice-rolloutd")
    finally:
        print(kubectl("get", "pods", "-n", namespace, "-o", "wide"))
        for p in kubectl("get", "pods", "-n", namespace, "-o", "name").split():
            name = p.split("/")[1]
            print(name, kubelet.logs(namespace, name, name.split("-")[1]))
        s.uninstall()
