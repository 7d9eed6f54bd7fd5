"""A Kubernetes API server of one's own: etcd, kube-apiserver and kube-controller-manager on loopback, with new certificates."""
import base64
import json
import os
import secrets
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
READY_S = 90
NET = os.environ.get("SLUICE_TEST_NET")  # our address for pods, when netns.sh has made a network
GATES = "--feature-gates=BoundServiceAccountTokenVolume=true"  # as newer servers have it: tokens of pods expire


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def b64(path):
    with open(path, "rb") as f:
        return base64.b64encode(f.read()).decode()


class Certificates:
    """An authority and what it has signed, as files in a folder."""

    def __init__(self, folder):
        self.folder = str(folder)
        os.makedirs(self.folder, exist_ok=True)
        self.ca = self.path("ca.crt")
        if not os.path.exists(self.ca):
            self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test-authority",
                         "-keyout", self.path("ca.key"), "-out", self.ca)

    def path(self, name):
        return os.path.join(self.folder, name)

    def openssl(self, *args):
        subprocess.run(["openssl", *args], check=True, capture_output=True)

    def sign(self, name, subject, alt=None):
        """Certificate and key files for a subject; alt: subjectAltName of a server."""
        crt, key, csr, ext = (self.path(f"{name}.{end}") for end in ("crt", "key", "csr", "ext"))
        with open(ext, "w") as f:
            f.write(f"subjectAltName={alt}\n" if alt else "extendedKeyUsage=clientAuth\n")
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", key, "-out", csr)
        self.openssl("x509", "-req", "-in", csr, "-CA", self.ca, "-CAkey", self.path("ca.key"), "-set_serial",
                     str(secrets.randbits(63)), "-days", "2", "-extfile", ext, "-out", crt)
        return crt, key


def kubeconfig(server, ca, user, **cluster):
    """A kubeconfig document; user is its user's content."""
    return json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": server, "certificate-authority-data": b64(ca), **cluster}}],
        "users": [{"name": "test", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    })


class Cluster:
    audit_policy = f"{HERE}/audit.yaml"

    def __init__(self, folder, bin_folder, services="10.96.0.0/16"):
        self.folder, self.services = str(folder), services
        self.bin = bin_folder
        self.children = []
        self.certs = Certificates(os.path.join(self.folder, "pki"))
        self.etcd_port = self.port = None
        self.kubeconfig = os.path.join(self.folder, "kubeconfig")
        self.admin_cert = self.certs.path("admin.crt"), self.certs.path("admin.key")

    @classmethod
    def running(cls, folder, bin_folder, port):
        """One that another process has started and will stop."""
        c = cls(folder, bin_folder)
        c.port = port
        return c

    def issue(self):
        self.server_cert = self.certs.sign("apiserver", "/CN=kube-apiserver",
                                           "DNS:localhost,DNS:kubernetes.default.svc,DNS:api.test,IP:127.0.0.1"
                                           + (f",IP:{NET}" if NET else ""))
        self.admin_cert = self.certs.sign("admin", "/O=system:masters/CN=admin")
        self.certs.openssl("genrsa", "-out", self.certs.path("sa.key"), "2048")

    def spawn(self, name, *args):
        log = open(os.path.join(self.folder, f"{name}.log"), "ab")
        child = subprocess.Popen(args, stdout=log, stderr=log, stdin=subprocess.DEVNULL, preexec_fn=os.setpgrp)
        self.children.append((name, child))
        return child

    def start(self):
        self.issue()
        self.etcd_port, peer, self.port = free_port(), free_port(), free_port()
        client = f"http://127.0.0.1:{self.etcd_port}"
        peer = f"http://127.0.0.1:{peer}"
        self.spawn("etcd", "/usr/bin/etcd", "--name=test", f"--data-dir={self.folder}/etcd", f"--listen-client-urls={client}",
                   f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}",
                   f"--initial-cluster=test={peer}", "--log-level=error", "--logger=zap")
        self.start_apiserver()
        user = {"client-certificate-data": b64(self.admin_cert[0]), "client-key-data": b64(self.admin_cert[1])}
        with open(self.kubeconfig, "w") as f:
            f.write(kubeconfig(self.url, self.certs.ca, user))
        self.spawn("controller-manager", f"{self.bin}/kube-controller-manager", f"--kubeconfig={self.kubeconfig}",
                   "--leader-elect=false", GATES, "--horizontal-pod-autoscaler-sync-period=1s", "--port=0", "--secure-port=0",
                   "--use-service-account-credentials=false", f"--root-ca-file={self.certs.ca}",
                   f"--service-account-private-key-file={self.certs.path('sa.key')}")
        self.wait("service account", lambda: self.get("/api/v1/namespaces/default/serviceaccounts/default"))

    def start_apiserver(self):
        crt, key = self.server_cert
        self.apiserver = self.spawn(
            "apiserver", f"{self.bin}/kube-apiserver", f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            *((f"--advertise-address={NET}", "--bind-address=0.0.0.0") if NET else ("--bind-address=127.0.0.1",)), GATES,
            f"--secure-port={self.port}", f"--tls-cert-file={crt}", f"--tls-private-key-file={key}",
            f"--client-ca-file={self.certs.ca}", "--authorization-mode=RBAC", "--endpoint-reconciler-type=none",
            "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={self.certs.path('sa.key')}",
            f"--service-account-signing-key-file={self.certs.path('sa.key')}", f"--service-cluster-ip-range={self.services}",
            f"--audit-policy-file={self.audit_policy}", f"--audit-log-path={self.audit_log}")
        self.wait("API server", lambda: self.get("/readyz"))

    @property
    def audit_log(self):
        return os.environ.get("SLUICE_AUDIT_LOG") or os.path.join(self.folder, "audit.log")

    def stop_apiserver(self):
        """As when its machine is gone; start_apiserver() brings it back, with all that it knew."""
        self.children = [(name, child) for name, child in self.children if child is not self.apiserver]
        self.apiserver.kill()
        self.apiserver.wait()

    @property
    def ca(self):
        return self.certs.ca

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def context(self):
        context = ssl.create_default_context(cafile=self.certs.ca)
        context.load_cert_chain(*self.admin_cert)
        return context

    def get(self, path):
        with urllib.request.urlopen(self.url + path, context=self.context(), timeout=5) as r:
            return r.read()

    def wait(self, what, probe):
        deadline = time.monotonic() + READY_S
        while True:
            try:
                return probe()
            except (urllib.error.URLError, OSError) as e:
                for name, child in self.children:
                    if child.poll() is not None:
                        with open(os.path.join(self.folder, f"{name}.log")) as f:
                            raise RuntimeError(f"{name} has ended: {f.read()[-2000:]}") from e
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{what} is not ready: {e}") from e
                time.sleep(0.1)

    def stop(self):
        """At once: nothing of it is kept."""
        for _, child in reversed(self.children):
            child.kill()
            child.wait()


class GivenCluster:
    """The cluster that KUBECONFIG names, as far as the tests need to know it."""

    def __init__(self, folder, bin_folder, path):
        self.kubeconfig, self.bin = path, bin_folder
        view = json.loads(subprocess.run([f"{bin_folder}/kubectl", "config", "view", "--raw", "--minify", "--flatten", "-o", "json"],
                                         env={**os.environ, "KUBECONFIG": path}, check=True, capture_output=True).stdout)
        cluster, self.user = view["clusters"][0]["cluster"], view["users"][0]["user"]
        self.url = cluster["server"]
        self.certs = Certificates(os.path.join(str(folder), "pki"))  # for the proxy; the cluster's own is another
        self.files = {}
        for key, text in (("ca", cluster.get("certificate-authority-data")), ("cert", self.user.get("client-certificate-data")),
                          ("key", self.user.get("client-key-data"))):
            self.files[key] = os.path.join(str(folder), key)
            with open(self.files[key], "wb") as f:
                f.write(base64.b64decode(text or ""))
        self.ca = self.files["ca"]

    def context(self):
        context = ssl.create_default_context(cafile=self.files["ca"])
        if self.user.get("client-certificate-data"):
            context.load_cert_chain(self.files["cert"], self.files["key"])
        return context

    def start(self):
        pass

    def stop(self):
        pass
