"""A cluster without pods: everything that rolloutd talks to is real, but Deployments are ready as soon as they are there, and routes
accepted, because this says so. It stands in for the controllers, the kubelets and the gateway, so that thousands fit on one machine."""
import collections
import http.client
import http.server
import json
import os
import pathlib
import queue
import re
import threading
import time
import urllib.parse

from cluster import Cluster, b64, free_port, kubeconfig
from kubeapi import Api, ApiError, Watch, log

CONTROLLER = "test.sluice.dev/gateway"


class BareCluster(Cluster):
    """An API server on etcd, and no controllers."""

    audit_policy = pathlib.Path(__file__).with_name("audit-nothing.yaml")

    def start(self):
        self.issue()
        self.etcd_port, peer, self.port = free_port(), free_port(), free_port()
        client, peer = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{peer}"
        # Nothing of it is kept: not waiting for the disk is as fast as a disk of its own would be.
        self.spawn("etcd", "/usr/bin/etcd", "--name=test", f"--data-dir={self.folder}/etcd", f"--listen-client-urls={client}",
                   f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}",
                   f"--initial-cluster=test={peer}", "--log-level=error", "--logger=zap", "--unsafe-no-fsync",
                   "--quota-backend-bytes=4294967296")
        os.environ["GOGC"] = "200"  # there is memory, and collecting garbage takes half of the API server's time otherwise
        self.start_apiserver()
        self.write_kubeconfig(self.kubeconfig, self.admin_cert)

    def write_kubeconfig(self, path, cert, namespace="default"):
        user = {"client-certificate-data": b64(cert[0]), "client-key-data": b64(cert[1])}
        doc = json.loads(kubeconfig(self.url, self.certs.ca, user))
        doc["contexts"][0]["context"]["namespace"] = namespace
        with open(path, "w") as f:
            json.dump(doc, f)

    def restart_apiserver(self, audit_policy):
        """The same cluster, and from now on the audit log has what this policy says."""
        self.audit_policy = pathlib.Path(__file__).with_name(audit_policy)
        self.stop_apiserver()
        self.start_apiserver()


class KeptApi(Api):
    """Keeps its connections for writes, too, as the programs that it stands in for do; a broken one is the caller's to handle."""

    def __call__(self, method, path, body=None, content_type="application/json", timeout=30):
        data = None if body is None else json.dumps(body).encode()
        if not getattr(self.mine, "connection", None):
            self.mine.connection = self.connect(timeout)
        try:
            return self.exchange(self.mine.connection, method, path, data, content_type, timeout)
        except (OSError, http.client.HTTPException) as e:
            self.mine.connection.close()
            self.mine.connection = None
            raise ConnectionError(repr(e)) from e


class LongWatch(Watch):
    """Goes on from the last event when a stream has ended; what is listed again for each is thousands of objects here."""

    version = None

    def event(self, kind, o):
        self.version = o["metadata"]["resourceVersion"]
        super().event(kind, o)

    def list(self):
        version, self.version = self.version, None
        if version is None:
            version = self.version = super().list()
        return version


class Controllers:
    """Answers Deployments and HTTPRoutes as a healthy cluster would, at once."""

    def __init__(self, cluster, namespace, workers=6):
        self.api, self.namespace, self.work = KeptApi(cluster.url, cluster.context()), namespace, queue.Queue()
        self.done = {}
        base = f"/namespaces/{namespace}"
        self.watches = [LongWatch(self.api, f"/apis/apps/v1{base}/deployments", self.changed("deployment")),
                        LongWatch(self.api, f"/apis/gateway.networking.k8s.io/v1{base}/httproutes", self.changed("route")),
                        LongWatch(self.api, f"/api/v1{base}/services?labelSelector=sluice.dev/rollout,!sluice.dev/release",
                              self.changed("slot"))]
        self.threads = [threading.Thread(target=self.worker, daemon=True) for _ in range(workers)]
        for t in self.watches + self.threads:
            t.start()

    def changed(self, kind):
        def event(what, o):
            if what != "DELETED":
                self.work.put((kind, o))
        return event

    def worker(self):
        while True:
            kind, o = self.work.get()
            m = o["metadata"]
            key, state = (kind, m["uid"]), m.get("generation") or o["spec"].get("selector")
            if self.done.get(key) == state:
                continue
            try:
                getattr(self, kind)(o)
                self.done[key] = state
            except (ApiError, OSError) as e:
                if getattr(e, "code", 0) != 404:
                    log(f"hollow: {kind} {m['name']}: {e}")
                    self.work.put((kind, o))
                    time.sleep(0.05)

    def collect(self, o):
        """As the garbage collector does: what is deleted goes, with what belonged to it."""
        base, name = f"/namespaces/{self.namespace}", o["metadata"]["name"]
        self.api("DELETE", f"/apis/discovery.k8s.io/v1beta1{base}/endpointslices/{name}-hollow")
        self.api.patch(f"/apis/apps/v1{base}/deployments/{name}", {"metadata": {"finalizers": None}})

    def deployment(self, o):
        if "deletionTimestamp" in o["metadata"]:
            self.collect(o)
            return
        name, n, labels = o["metadata"]["name"], o["spec"]["replicas"], o["metadata"]["labels"]
        ready = {"observedGeneration": o["metadata"]["generation"], "replicas": n, "updatedReplicas": n, "readyReplicas": n,
                 "availableReplicas": n, "conditions": [{"type": "Available", "status": "True", "reason": "Hollow"}]}
        if ready.items() <= {**o["status"], "conditions": ready["conditions"]}.items():
            return
        self.api.patch(f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{name}/status", {"status": ready})
        self.endpoints(name, labels, o["metadata"].get("ownerReferences", []), n)

    def slot(self, o):
        """A Service of an Adopted route follows what it selects."""
        m, release = o["metadata"], o["spec"].get("selector", {}).get("sluice.dev/release")
        self.endpoints(m["name"], m["labels"], m.get("ownerReferences", []), 1 if release else 0)

    def endpoints(self, service, labels, owners, n):
        slice_ = {"metadata": {"name": f"{service}-hollow", "labels": {**labels, "kubernetes.io/service-name": service},
                               "ownerReferences": owners},
                  "addressType": "IPv4", "ports": [{"name": "http", "port": 8000}],
                  "endpoints": [{"addresses": [f"10.244.0.{i + 1}"], "conditions": {"ready": True}} for i in range(n)]}
        path = f"/apis/discovery.k8s.io/v1beta1/namespaces/{self.namespace}/endpointslices"
        try:
            self.api("POST", path, slice_)
        except ApiError as e:
            if e.code != 409:
                raise
            self.api.patch(f"{path}/{service}-hollow", {"endpoints": slice_["endpoints"]})

    def route(self, o):
        m = o["metadata"]
        if any(c["observedGeneration"] == m["generation"] for p in o.get("status", {}).get("parents", []) for c in p["conditions"]):
            return
        conditions = [{"type": t, "status": "True", "reason": t, "message": "hollow", "observedGeneration": m["generation"],
                       "lastTransitionTime": "2026-01-01T00:00:00Z"} for t in ("Accepted", "ResolvedRefs")]
        parents = [{"parentRef": p, "controllerName": CONTROLLER, "conditions": conditions} for p in o["spec"]["parentRefs"]]
        self.api.patch(f"/apis/gateway.networking.k8s.io/v1/namespaces/{self.namespace}/httproutes/{m['name']}/status",
                       {"status": {"parents": parents}})


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256  # everybody may come at once
    daemon_threads = True


class Evidence:
    """Prometheus's API for rolloutd: for each target a steady 100 requests a second, split as its weights are, and errors of the
    candidates that were named in `bad`."""

    RATE, SCRAPE_S = 100, 1

    def __init__(self):
        self.bad, self.began = {}, time.time() - 600
        self.share = collections.defaultdict(lambda: 0.2)  # of the candidate, by target
        evidence = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                body = json.dumps({"status": "success", "data": evidence.answer(form["query"][0])})
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                try:
                    self.wfile.write((head + body).encode())
                except OSError:
                    self.close_connection = True  # who asked has gone

            def log_message(self, *args):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, query):
        now = time.time()
        target = re.search(r'target="([^"]+)"', query)
        if not target:
            return {"resultType": "scalar", "result": [now, f"{now:.3f}"]}
        target = target.group(1)
        releases = re.search(r'version=~"([^"]+)"', query).group(1).replace("\\", "").split("|")
        span = int(re.search(r"\[(\d+)ms\]$", query).group(1)) / 1000
        last = now - now % self.SCRAPE_S
        times = [last - i * self.SCRAPE_S for i in range(int(span / self.SCRAPE_S))][::-1]
        return {"resultType": "matrix", "result": [s for n, r in enumerate(releases) for s in self.series(target, r, n, times)]}

    def series(self, target, release, n, times):
        share = self.share[target] if n else 1 - self.share[target]
        since = self.bad.get((target, release))
        labels = {"instance": f"{release}:8000", "target": target, "version": release}

        def counted(t, bad):
            all_ = self.RATE * share * (t - self.began)
            wrong = self.RATE * share * max(0, t - since) * 0.8 if since else 0
            return str(int(wrong if bad else all_ - wrong))

        yield {"metric": {"__name__": "up", **labels}, "values": [[t, "1"] for t in times]}
        for code in ("200", "500"):
            yield {"metric": {"__name__": "scorer_requests_total", "code": code, **labels},
                   "values": [[t, counted(t, code == "500")] for t in times]}
