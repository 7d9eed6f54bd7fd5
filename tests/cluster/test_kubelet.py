"""What the end-to-end tests stand on: the test kubelet runs pods as a kubelet would, as far as they look."""
import json
import os
import textwrap

import pytest

from waiting import wait_until

SERVE = """
    import http.server, os, signal, sys, json
    class H(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/env":
                body = json.dumps(dict(os.environ)).encode()
            elif self.path.startswith("/file"):
                try: body = open(self.path[5:], "rb").read()
                except OSError as e: body = repr(e).encode()
            elif self.path == "/exit":
                open("/dev/termination-log", "w").write("told to")
                os._exit(3)
            elif self.path == "/peer":
                body = self.client_address[0].encode()
            elif self.path.startswith("/write"):
                open(self.path[6:], "w").write("mine"); body = b"ok"
            elif self.path.startswith("/fetch/"):
                import urllib.request
                body = urllib.request.urlopen("http://" + self.path[7:], timeout=3).read()
            else:
                body = b"ok"
            self.send_response(200 if self.path != "/" or not os.path.exists("/tmp/sick") else 500); self.end_headers(); self.wfile.write(body)
        def log_message(self, *a): pass
    signal.signal(signal.SIGTERM, lambda *a: (print("asked to leave", os.path.exists("/tmp/hooked"), flush=True), os._exit(0)))
    print("serving", *sys.argv[1:], flush=True)
    http.server.ThreadingHTTPServer(("", 8000), H).serve_forever()
"""

PROBE = {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1, "failureThreshold": 1}
PORTS = [{"name": "http", "containerPort": 8000}]


@pytest.fixture
def images(kubelet):
    kubelet.images["web:test"] = {"command": ["/usr/bin/python3", "-c", textwrap.dedent(SERVE)]}
    kubelet.images["shell:test"] = {"command": ["/bin/sh", "-ec"]}
    return kubelet.images


@pytest.fixture
def pod(api, namespace, images):
    """pod("name", {spec of the container}, ...) makes one; returns how to look at it."""
    path = f"/api/v1/namespaces/{namespace}/pods"

    def make(name, container=None, annotations=None, labels=None, **spec):
        usual = {"ports": PORTS, "readinessProbe": PROBE} if "image" not in (container or {}) else {}
        containers = [{"name": "main", "image": "web:test", **usual, **(container or {})}]
        api("POST", path, {"metadata": {"name": name, "annotations": annotations or {}, "labels": labels or {}},
                           "spec": {"terminationGracePeriodSeconds": 2, **spec, "containers": containers}})
        return Handle(api, f"{path}/{name}")
    wait_until(lambda: api.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/default"), "the service account")
    return make


class Handle:
    def __init__(self, api, path):
        self.api, self.path = api, path

    def __call__(self):
        return self.api.get(self.path)

    def condition(self, kind):
        return next((c for c in self()["status"].get("conditions", []) if c["type"] == kind), {})

    def container(self):
        return (self()["status"].get("containerStatuses") or [{"state": {}, "lastState": {}, "restartCount": 0}])[0]

    def ready(self):
        wait_until(lambda: self.condition("Ready").get("status") == "True", "ready", self)
        return self

    def ask(self, path):
        import urllib.request
        with urllib.request.urlopen(f"http://{self()['status']['podIP']}:8000{path}", timeout=5) as r:
            return r.read().decode()


def test_a_pod_runs_on_an_address_and_a_file_tree_of_its_own(pod, kubelet, namespace):
    a, b = pod("a", {"args": ["one"]}).ready(), pod("b").ready()
    assert a()["status"]["podIP"] != b()["status"]["podIP"] and a()["status"]["phase"] == "Running"
    assert a()["spec"]["nodeName"].startswith("node-")
    a.ask("/write/tmp/mine-alone")
    assert a.ask("/file/tmp/mine-alone") == "mine" and "FileNotFound" in b.ask("/file/tmp/mine-alone")
    assert not os.path.exists("/tmp/mine-alone")
    assert a.ask(f"/fetch/{b()['status']['podIP']}:8000/peer") == a()["status"]["podIP"]
    assert "serving one" in kubelet.logs(namespace, "a", "main")


def test_environment_and_volumes_reach_the_process(pod, api, namespace, cluster):
    base = f"/api/v1/namespaces/{namespace}"
    api("POST", f"{base}/configmaps", {"metadata": {"name": "conf"}, "data": {"level": "high", "file.yaml": "a: 1"}})
    api("POST", f"{base}/secrets", {"metadata": {"name": "keys"}, "stringData": {"token": "hidden"}})
    p = pod("a", {
        "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                {"name": "APP", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
                {"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "level"}}},
                {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}},
                {"name": "URL", "value": "http://$(POD_IP)/$(NOBODY)/$$(APP)"}],
        "envFrom": [{"prefix": "C_", "configMapRef": {"name": "conf"}}],
        "volumeMounts": [{"name": "conf", "mountPath": "/etc/sluice/conf"}, {"name": "keys", "mountPath": "/keys"},
                         {"name": "data", "mountPath": "/data"}]}, labels={"app": "web"},
        volumes=[{"name": "conf", "configMap": {"name": "conf"}}, {"name": "data", "emptyDir": {}},
                 {"name": "keys", "secret": {"secretName": "keys", "items": [{"key": "token", "path": "as/token"}]}}]).ready()
    env = json.loads(p.ask("/env"))
    ip = p()["status"]["podIP"]
    assert (env["POD_IP"], env["APP"], env["LEVEL"], env["TOKEN"], env["C_level"]) == (ip, "web", "high", "hidden", "high")
    assert env["URL"] == f"http://{ip}/$(NOBODY)/$(APP)" and env["KUBERNETES_SERVICE_PORT"] == str(cluster.port)
    assert p.ask("/file/etc/sluice/conf/file.yaml") == "a: 1" and p.ask("/file/keys/as/token") == "hidden"
    assert p.ask("/write/data/x") == "ok"
    account = "/var/run/secrets/kubernetes.io/serviceaccount"
    assert p.ask(f"/file{account}/namespace") == namespace and "BEGIN CERT" in p.ask(f"/file{account}/ca.crt")
    assert p.ask(f"/file{account}/token").count(".") == 2
    api.patch(f"{base}/configmaps/conf", {"data": {"file.yaml": "a: 2"}})
    wait_until(lambda: p.ask("/file/etc/sluice/conf/file.yaml") == "a: 2", "the mounted file follows")


def test_a_token_is_renewed_under_the_running_process(pod):
    p = pod("a", annotations={"test.sluice.dev/rotate-token-s": "1"}).ready()
    path = "/file/var/run/secrets/kubernetes.io/serviceaccount/token"
    first = p.ask(path)
    wait_until(lambda: p.ask(path) not in ("", first), "another token")


def test_readiness_follows_the_probe_and_the_test(pod, api):
    p = pod("a").ready()
    p.ask("/write/tmp/sick")
    wait_until(lambda: p.condition("Ready")["status"] == "False", "unready", p)
    q = pod("b").ready()
    api.patch(q.path, {"metadata": {"annotations": {"test.sluice.dev/unready": "true"}}})
    wait_until(lambda: q.condition("Ready")["status"] == "False", "unready on demand", q)
    assert q.container()["restartCount"] == 0


def test_a_dead_process_is_restarted_and_its_end_is_told(pod, api):
    p = pod("a").ready()
    with pytest.raises(OSError):
        p.ask("/exit")
    wait_until(lambda: p.container()["restartCount"] == 1, "a restart", p)
    ended = p.container()["lastState"]["terminated"]
    assert (ended["exitCode"], ended["message"]) == (3, "told to")
    p.ready()
    api.patch(p.path, {"metadata": {"annotations": {"test.sluice.dev/crash": "now"}}})
    wait_until(lambda: p.container()["restartCount"] == 2, "a crash on demand", p)
    assert p.container()["lastState"]["terminated"]["exitCode"] == 137


def test_a_liveness_probe_kills_and_an_exec_probe_is_run_inside(pod):
    exec_probe = {"exec": {"command": ["/bin/sh", "-c", "! [ -e /tmp/sick ]"]}, "periodSeconds": 1, "failureThreshold": 1}
    p = pod("a", {"livenessProbe": exec_probe, "startupProbe": {"tcpSocket": {"port": 8000}, "periodSeconds": 1}}).ready()
    p.ask("/write/tmp/sick")
    wait_until(lambda: p.container()["restartCount"] == 1, "a restart", p)
    p.ready()


@pytest.mark.parametrize("what, reason, says", [
    ({"image": "nobody:knows"}, "ImagePullBackOff", "nobody:knows"),
    ({"envFrom": [{"configMapRef": {"name": "none"}}]}, "CreateContainerConfigError", 'configmap "none" not found'),
    ({"image": "shell:test", "args": ["echo broken >/dev/termination-log; exit 9"]}, "CrashLoopBackOff", "back-off")],
    ids=["image", "config", "crash"])
def test_what_cannot_run_says_why(pod, what, reason, says):
    p = pod("a", what)
    waiting = wait_until(lambda: (lambda w: w.get("reason") == reason and w)(p.container()["state"].get("waiting", {})), reason, p)
    assert says in waiting["message"]
    assert p()["status"]["phase"] in ("Pending", "Running") and p.condition("Ready")["status"] == "False"


def test_jobs_and_init_containers_run_to_their_end(pod):
    volumes = [{"name": "data", "emptyDir": {}}]
    mount = [{"name": "data", "mountPath": "/data"}]
    p = pod("a", {"image": "shell:test", "args": ["test \"$(cat /data/x)\" = y"], "volumeMounts": mount}, volumes=volumes,
            restartPolicy="Never",
            initContainers=[{"name": "first", "image": "shell:test", "args": ["echo y >/data/x"], "volumeMounts": mount}])
    wait_until(lambda: p()["status"]["phase"] == "Succeeded", "the end", p)


def test_deletion_runs_the_hook_then_asks_then_kills(pod, kubelet, namespace, api):
    hook = {"preStop": {"exec": {"command": ["/bin/sh", "-c", "touch /tmp/hooked"]}}}
    polite = pod("polite", {"lifecycle": hook}).ready()
    deaf = pod("deaf", {"image": "shell:test", "args": ["trap '' TERM; echo deaf; while true; do sleep 0.1; done"]}).ready()
    wait_until(lambda: "deaf" in kubelet.logs(namespace, "deaf", "main"), "it is deaf")
    for p in (polite, deaf):
        api("DELETE", p.path)
    wait_until(lambda: polite() is None and deaf() is None, "both are gone")
    assert "asked to leave True" in kubelet.logs(namespace, "polite", "main")


def test_a_pod_that_fits_nowhere_stays_pending_and_says_so(pod):
    big = pod("big", {"resources": {"requests": {"memory": "100Ti"}}})
    picky = pod("picky", nodeSelector={"gpu": "yes"})
    for p, says in ((big, "Insufficient memory"), (picky, "node selector")):
        seen = wait_until(lambda: p.condition("PodScheduled"), "a condition", p)
        assert seen["status"] == "False" and seen["reason"] == "Unschedulable" and says in seen["message"]
        assert p()["status"]["phase"] == "Pending"


def test_services_have_names_and_pass_on_to_what_is_ready(pod, api, namespace):
    labels = {"app": "web"}
    api("POST", f"/api/v1/namespaces/{namespace}/services", {"metadata": {"name": "web"}, "spec": {
        "selector": labels, "ports": [{"port": 80, "targetPort": "http"}]}})
    backend = pod("backend", labels=labels).ready()
    client = pod("client").ready()
    wait_until(lambda: "ok" in fetched(client, "web"), "an answer by the Service's name")
    assert client.ask(f"/fetch/web.{namespace}.svc.cluster.local") == "ok"
    backend.ask("/write/tmp/sick")
    wait_until(lambda: "ok" not in fetched(client, "web"), "nobody is ready, nobody answers")


def fetched(client, name):
    try:
        return client.ask(f"/fetch/{name}")
    except OSError as e:
        return repr(e).replace("ok", "")
