"""The chart on a real API server: what it renders is accepted, and what it installs works and grants what is used."""
import json
import re
import subprocess

import pytest
import yaml

from cluster import NET
from ctl import Ctl
from install import IMAGE, ROOT, Installation, OpenPostgres
from rollouts import Prometheus
from sluice import free_port, http
from waiting import wait_until

EVERYTHING = yaml.safe_load((ROOT / "tests/chart/everything.yaml").read_text())
LEAST = {"postgres": {"existingSecret": "registry-postgres"}, "adminToken": {"existingSecret": "registry-admin"}}


@pytest.fixture(scope="module")
def monitoring(definitions, kubectl):
    """The Prometheus Operator's kinds."""
    kubectl("apply", "-f", ROOT / "tests/cluster/monitoring.yaml")
    kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")


@pytest.fixture
def sluice(cluster, tmp_path, namespace):
    return Installation(cluster, None, tmp_path, namespace)


@pytest.mark.parametrize("values", [LEAST, {**LEAST, "rolloutd": {"watchNamespace": "default"}}, EVERYTHING],
                         ids=["default", "namespaced", "everything"])
def test_what_is_rendered_is_accepted(sluice, kubectl, monitoring, values):
    text = sluice.with_values("template", values, "--dry-run=server")
    found = [o for o in yaml.safe_load_all(text) if o]
    said = kubectl("apply", "--dry-run=server", "-f", "-", stdin=text)
    assert said.count("(server dry run)") == len(found)
    served = set(kubectl("api-versions").split())
    assert {o["apiVersion"] for o in found} <= served


def test_a_field_that_does_not_exist_is_not_accepted(sluice, monitoring):
    """The test above can fail."""
    text = sluice.with_values("template", LEAST, "--dry-run=server").replace("readinessProbe:", "readynessProbe:")
    assert "readynessProbe" in text
    r = subprocess.run([f"{sluice.cluster.bin}/kubectl", f"--kubeconfig={sluice.cluster.kubeconfig}", "apply", "--dry-run=server", "-f",
                        "-"], input=text, capture_output=True, text=True)
    assert r.returncode != 0 and "readynessProbe" in r.stderr


def test_the_objects_of_the_guide_are_accepted(kubectl, namespace, gateways):
    guide = (ROOT / "docs/kubernetes.md").read_text()
    texts = re.findall(r"^```yaml\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    whole = [doc for t in texts if "kind: " in t and "resource.customizations" not in t for doc in yaml.safe_load_all(t) if "apiVersion" in doc]
    assert {d["kind"] for d in whole} == {"ModelRollout", "HTTPRoute"}
    for doc in whole:
        doc["metadata"]["namespace"] = namespace
        kubectl("apply", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(doc))


# What is installed, used as docs/kubernetes.md says.

QUICK = {"steps": [{"weight": 20, "hold": "1s"}, {"weight": 100, "hold": "1s"}], "gates": {"error_rate": {"limit_percent": 30}},
         "min_requests": 5, "max_hold": "2m", "start_deadline": "1m", "rollback_window": "10m", "window_versions": 2, "keep_failed": "1m"}
MODELS = ("demo/models/v1.json", "demo/models/v2.ubj")
PATIENCE = "--timeout=55s"


@pytest.fixture(scope="module")
def database(kubelet):
    p = OpenPostgres()
    try:
        p.start()
        yield p
    finally:
        p.remove()


def settles(probe, what, explain=lambda: ""):
    """What takes a program to look at is looked at now and then; what the cluster clears away may take it a while."""
    return wait_until(probe, what, explain, patience_s=150, every_s=0.5)


class User:
    """Somebody who follows the guide."""

    def __init__(self, kubectl, api, sluice, namespace, tmp_path):
        self.kubectl, self.api, self.sluice, self.namespace = kubectl, api, sluice, namespace
        self.ctl_folder = tmp_path / "ctl"
        self.ctl_folder.mkdir()

    def ctl(self, *args, expect=0, **env):
        c = Ctl(self.ctl_folder, self.sluice.service(self.api, "registryd"), self.sluice.service(self.api, "rolloutd"),
                self.sluice.token(self.api))
        return c.run(*args, expect=expect, env=env)

    def daemons_are_ready(self):
        for program in ("registryd", "rolloutd"):
            self.kubectl("rollout", "status", "-n", self.sluice.namespace, f"deployment/sluice-{program}", PATIENCE)
        wait_until(lambda: self.answers("/readyz"), "the leader answers at the Service")

    def answers(self, path):
        try:
            return http("GET", self.sluice.service(self.api, "rolloutd") + path).status == 200
        except OSError:
            return False

    def push_models(self):
        for path in MODELS:
            self.ctl("push", "fraud-score", ROOT / path)

    def let_scorers_in(self):
        token = self.ctl_folder / "scorers.token"
        self.ctl("token", "create", f"scorers-{self.namespace}", "reader", "--save", token)
        self.kubectl("-n", self.namespace, "create", "secret", "generic", "sluice-registry", f"--from-file=token={token}")

    def declare(self, **spec):
        container = {"name": "scorer", "image": IMAGE, "command": ["scorer"], "envFrom": [{"configMapRef": {"name": "tuning"}},
                                                                                         {"secretRef": {"name": "features"}}]}
        self.kubectl("-n", self.namespace, "create", "configmap", "tuning", "--from-literal=SLUICE_SCORER_THREADS=1")
        self.kubectl("-n", self.namespace, "create", "secret", "generic", "features", "--from-literal=KEY=1")
        doc = {"apiVersion": "sluice.dev/v1alpha1", "kind": "ModelRollout", "metadata": {"name": "fraud", "namespace": self.namespace},
               "spec": {"model": "fraud-score", "version": 1, "policy": "quick",
                        "route": {"parentRefs": [{"name": "gateway"}], "hostnames": ["fraud.test"]},
                        "template": {"spec": {"containers": [container]}}, **spec}}
        self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(doc))

    def wait_for(self, condition):
        self.kubectl("-n", self.namespace, "wait", f"--for=condition={condition}", "modelrollout/fraud", PATIENCE)

    def change(self, **spec):
        self.kubectl("-n", self.namespace, "patch", "modelrollout", "fraud", "--type=merge", "-p", json.dumps({"spec": spec}))

    def objects(self, kinds, release):
        return self.kubectl("-n", self.namespace, "get", kinds, "-l", f"sluice.dev/rollout=fraud,sluice.dev/release={release}", "-o", "name")

    def status(self):
        return self.api.get(f"/apis/sluice.dev/v1alpha1/namespaces/{self.namespace}/modelrollouts/fraud").get("status", {})

    def tell(self, kubelet):
        for namespace in (self.sluice.namespace, self.namespace):
            print(self.kubectl("get", "pods,modelrollouts", "-n", namespace, "-o", "wide"))
        print(yaml.safe_dump({k: v for k, v in self.status().items() if k != "record"}))
        for path in sorted((kubelet.folder / "logs").glob(f"{self.sluice.namespace}_*.log")):
            print("---", path.name, path.read_text()[-6000:], sep="\n")


@pytest.fixture
def prometheus_port():
    return free_port()


@pytest.fixture
def values(database, prometheus_port):
    """A quick policy, and scrapes that are as quick."""
    return {"postgres": {"dsn": database.uri()}, "prometheus": {"url": f"http://{NET}:{prometheus_port}", "scrapeInterval": "500ms"},
            "rolloutd": {"policies": {"quick": QUICK}, "settings": {"tick": "300ms", "kube_lease_duration": "10s"}}}


@pytest.fixture
def user(cluster, kubelet, gateways, kubectl, api, tmp_path, namespace, monitoring):
    """Installs into a namespace of its own, uses `namespace`."""
    system = f"{namespace}-system"
    kubectl("create", "namespace", system)
    u = User(kubectl, api, Installation(cluster, kubelet, tmp_path, system), namespace, tmp_path)
    try:
        yield u
    finally:
        u.tell(kubelet)
        kubectl("delete", "namespace", system, "--wait=false")


@pytest.fixture
def scraped(user, prometheus_port, tmp_path):
    """scraped() starts Prometheus when there is a token for it."""
    started = []

    def start():
        started.append(Prometheus(tmp_path / "prometheus", user.sluice.token(user.api), user.sluice.service(user.api, "rolloutd"), host=NET,
                                  port=prometheus_port).start())

    yield start
    for p in started:
        p.kill()


@pytest.mark.alone
def test_the_guide_from_the_first_install_to_the_end(user, values, scraped, gateway):
    user.sluice.install(values, "--force-conflicts")
    user.daemons_are_ready()
    scraped()
    user.push_models()
    user.let_scorers_in()
    user.declare(autoscaling={"minReplicas": 1, "maxReplicas": 2,
                              "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]})
    user.wait_for("Complete")
    load = gateway.load("fraud.test", "fraud-score")
    user.change(version=2)
    wait_until(lambda: (user.status().get("candidate") or {}).get("release") == "2", "version 2 is the candidate")
    user.wait_for("Complete")
    assert user.status()["stable"]["release"] == "2"
    user.ctl("rollback", f"{user.namespace}.fraud")
    wait_until(lambda: user.status()["stable"]["release"] == "1", "version 1 is stable again")

    # Another policy: the leader hands over, and what serves is not touched.
    token = user.sluice.token(user.api)
    changed = {**values, "rolloutd": {**values["rolloutd"], "policies": {"quick": QUICK, "later": QUICK}}}
    user.sluice.upgrade(changed)
    user.daemons_are_ready()
    assert user.sluice.token(user.api) == token
    settles(lambda: "later" in user.ctl("policies").stdout, "rolloutd has the new policy")
    assert user.status()["stable"]["release"] == "1"

    # Without the daemons what serves goes on serving.
    user.sluice.uninstall()
    settles(lambda: not user.kubectl("get", "deployments,pods,services", "-n", user.sluice.namespace, "-o", "name"), "the daemons are gone")
    asked = load.asked("1")
    wait_until(lambda: load.asked("1") > asked + 20, "version 1 answers")
    assert load.stop() == []
    left = user.kubectl("get", "modelrollouts,deployments,httproutes", "-n", user.namespace, "-o", "name").split()
    assert {"modelrollout.sluice.dev/fraud", "deployment.apps/fraud-v1", "httproute.gateway.networking.k8s.io/fraud"} <= set(left)


ALL = "deployments,services,poddisruptionbudgets,horizontalpodautoscalers,configmaps,secrets,controllerrevisions"


def test_an_installation_for_one_namespace_needs_no_more_than_a_role(user, values, scraped, gateway):
    """From the first release to the end of one that has left the window, with all that it was made of."""
    values["rolloutd"]["watchNamespace"] = user.namespace
    values["rolloutd"]["policies"]["quick"] = {**QUICK, "rollback_window": "1s"}
    user.sluice.install(values, "--force-conflicts", "--set=rbac.peopleRoles=false")
    user.daemons_are_ready()
    scraped()
    user.push_models()
    user.let_scorers_in()
    user.declare(autoscaling={"minReplicas": 1, "maxReplicas": 2})
    user.wait_for("Complete")
    assert len(user.objects(ALL, "1").split()) == 7
    load = gateway.load("fraud.test", "fraud-score")
    user.change(version=2)
    settles(lambda: not user.objects(ALL, "1"), "release 1 has been cleared away", lambda: user.objects(ALL, "1"))
    assert load.stop() == [] and user.status()["stable"]["release"] == "2"
    user.change(autoscaling=None, replicas=2, maxUnavailable=1)
    settles(lambda: "maxUnavailable: 1" in user.kubectl("-n", user.namespace, "get", "pdb", "fraud-v2", "-o", "yaml"), "the budget follows")
    settles(lambda: "replicas: 2" in user.kubectl("-n", user.namespace, "get", "deployment", "fraud-v2", "-o", "yaml"), "so do the replicas")
    user.sluice.uninstall()
