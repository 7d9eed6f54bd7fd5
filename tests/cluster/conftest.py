"""One cluster for the whole run, a namespace and a proxy for each test."""
import functools
import json
import os
import pathlib
import secrets
import shutil
import subprocess
import tempfile

import pytest

import node
import stack
from background import Background
from cluster import Cluster, GivenCluster, kubeconfig
from faultproxy import FaultProxy
from kubeapi import Api
from platforms import Platform
from stack import Postgres
from waiting import PATIENCE_S, wait_until

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]


def bin_folder():
    return os.environ.get("KUBE_BIN") or subprocess.run([ROOT / "tools/kube-build.sh"], check=True, capture_output=True,
                                                        text=True).stdout.strip()


# With workers (-n N), the process that hands out tests starts one of everything for all of them.


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: looks after all namespaces, so it has to have the cluster for itself")


def pytest_configure_node(node):
    if not os.environ.get("KUBECONFIG") and os.environ.get("SLUICE_TEST_NET"):
        config = node.config
        if not hasattr(config, "shared"):
            config.shared_folder = pathlib.Path(tempfile.mkdtemp(prefix="sl."))
            config.shared = stack.Shared(config.shared_folder, bin_folder())
            config.shared.start()
        node.workerinput["shared"] = config.shared.describe()


def pytest_unconfigure(config):
    if hasattr(config, "shared"):
        config.shared.stop()
        shutil.rmtree(config.shared_folder, ignore_errors=True)


@pytest.fixture(scope="session")
def shared(request):
    """What was started for all workers; None when this process starts what it needs."""
    return getattr(request.config, "workerinput", {}).get("shared")


@pytest.fixture(scope="session")
def cluster(shared, tmp_path_factory):
    if shared:
        yield Cluster.running(shared["cluster"], shared["bin"], shared["port"])
        return
    folder = tmp_path_factory.mktemp("cluster")
    given = os.environ.get("KUBECONFIG")
    c = GivenCluster(folder, bin_folder(), given) if given else Cluster(folder, bin_folder())
    try:
        c.start()
        yield c
    finally:
        c.stop()


def in_a_network_of_our_own(cluster):
    if not isinstance(cluster, Cluster):
        pytest.skip("the cluster that KUBECONFIG names runs pods and routes for real: the tests' kubelet and gateway are not used")
    if not os.environ.get("SLUICE_TEST_NET"):
        pytest.skip("the tests' kubelet needs a network of its own: `make test-cluster`, or tests/cluster/netns.sh pytest")


@pytest.fixture(scope="session")
def kubelet(shared, cluster, tmp_path_factory):
    """Runs pods as processes."""
    in_a_network_of_our_own(cluster)
    if shared:
        yield node.Kubelet(cluster, shared["kubelet"])
        return
    k = node.Kubelet(cluster, tmp_path_factory.mktemp("kubelet"))
    try:
        yield k.start()
    finally:
        k.stop()


@pytest.fixture(scope="session")
def definitions(shared, cluster):
    """The Gateway API and ModelRollouts are known to the API server."""
    if not shared:
        stack.define(cluster)


@pytest.fixture(scope="session")
def gateways(shared, cluster, definitions, tmp_path_factory):
    """What serves Gateways of class `test`."""
    in_a_network_of_our_own(cluster)
    if shared:
        yield
        return
    g = node.Gateways(cluster, tmp_path_factory.mktemp("gateways"))
    try:
        yield g.start()
    finally:
        g.stop()


@pytest.fixture
def gateway(gateways, api, namespace):
    return node.Gateway(api, namespace)


@pytest.fixture(scope="session")
def base(shared, cluster, kubelet, gateways, tmp_path_factory):
    """registryd and the images of scorers."""
    if shared:
        yield stack.Base(cluster, kubelet, shared["base"]).attach(shared["registry"], shared["token"])
        return
    b, postgres = stack.Base(cluster, kubelet, tmp_path_factory.mktemp("base")), Postgres()
    try:
        yield b.start(postgres.start())
        b.stop()
    finally:
        postgres.remove()


@pytest.fixture(scope="session")
def api(cluster):
    return Api(cluster.url, cluster.context(), getattr(cluster, "user", {}).get("token"))


@pytest.fixture(scope="session")
def kubectl(cluster):
    return functools.partial(stack.kubectl, cluster)


@pytest.fixture
def namespace(kubectl):
    name = f"test-{secrets.token_hex(4)}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def site(base, api, kubectl, namespace, tmp_path):
    """A namespace with a model, a Gateway and, after start(), a Prometheus and a rolloutd of its own."""
    wait_until(lambda: api.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/default"), "the service account")
    s = stack.Site(base, api, kubectl, namespace, tmp_path)
    try:
        yield s
    finally:
        try:
            s.tell()
        finally:
            s.close()


@pytest.fixture(scope="session")
def proxy_cert(cluster):
    return cluster.certs.sign(f"proxy-{os.getpid()}", "/CN=proxy", "DNS:localhost,DNS:proxy.test,IP:127.0.0.1")


@pytest.fixture
def proxy(cluster, proxy_cert):
    p = FaultProxy(cluster, proxy_cert, token=getattr(cluster, "user", {}).get("token"))
    yield p
    p.stop()


class Tool:
    """kubetool: run to its end, or in the background with its lines as they come."""

    def __init__(self, config, path):
        self.program = str(pathlib.Path(os.environ.get("SLUICE_BIN", ROOT / "build/release/bin")) / "kubetool")
        self.config, self.path, self.children = config, path, []

    def command(self, args, options):
        flags = [f"--{k.replace('_', '-')}" if v is True else f"--{k.replace('_', '-')}={v}" for k, v in options.items()]
        where = [f"--kubeconfig={self.config}"] if self.config else []
        return [self.program, *where, *flags, *[json.dumps(a) if isinstance(a, (dict, list)) else str(a) for a in args]]

    def run(self, *args, env=None, **options):
        r = subprocess.run(self.command(args, options), env={**os.environ, **(env or {})}, capture_output=True, text=True,
                           timeout=PATIENCE_S)
        assert r.returncode in (0, 1), f"{r.returncode}: {r.stderr}"
        return [json.loads(line) for line in r.stdout.split("\n") if line]

    def one(self, *args, **options):
        return self.run(*args, **options)[-1]

    def start(self, *args, env=None, **options):
        child = Background(self.command(args, options), {**os.environ, **(env or {})}, self.path / f"{secrets.token_hex(4)}.out")
        self.children.append(child)
        return child


@pytest.fixture
def tool(cluster, tmp_path):
    """kubetool with the administrator's kubeconfig, straight to the server."""
    t = Tool(cluster.kubeconfig, tmp_path)
    yield t
    for c in t.children:
        c.stop()


@pytest.fixture
def via_proxy(cluster, proxy, tmp_path):
    """kubetool through the fault proxy."""
    path = tmp_path / "proxy.kubeconfig"
    path.write_text(kubeconfig(proxy.url, cluster.certs.ca, {"token": "any"}))
    t = Tool(path, tmp_path)
    yield t
    for c in t.children:
        c.stop()


@pytest.fixture
def declare(api, namespace, definitions):
    """Make or change the ModelRollout `fraud`."""
    path = f"/apis/sluice.dev/v1alpha1/namespaces/{namespace}/modelrollouts"

    def make(template=None, **spec):
        container = {"name": "scorer", "image": "asleep:test"}
        body = {"apiVersion": "sluice.dev/v1alpha1", "kind": "ModelRollout", "metadata": {"name": "fraud"},
                "spec": {"model": "fraud-score", "version": 7, "replicas": 2, "route": {"parentRefs": [{"name": "gateway"}]},
                         "template": {"spec": template or {"containers": [container]}}, **spec}}
        old = api.get(f"{path}/fraud")
        if old:
            body["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
            return api("PUT", f"{path}/fraud", body)
        return api("POST", path, body)

    return make


@pytest.fixture
def platform(cluster, namespace, tmp_path):
    made = []

    def make(config=cluster.kubeconfig, *args):
        made.append(Platform(config, namespace, tmp_path / f"platform-{len(made)}.out", *args))
        return made[-1]

    yield make
    for p in made:
        p.stop()
