"""A small client of the Kubernetes API for what the tests bring along: requests on kept connections, and watches."""
import base64
import http.client
import json
import os
import ssl
import sys
import tempfile
import threading
import time
from urllib.parse import urlsplit

MERGE, JSON_PATCH, STRATEGIC = (f"application/{kind}-patch+json" for kind in ("merge", "json", "strategic-merge"))


def log(line):
    print(time.strftime("%H:%M:%S"), line, file=sys.stderr, flush=True)


class ApiError(Exception):
    def __init__(self, code, status):
        self.code, self.status = code, status if isinstance(status, dict) else {}
        self.reason = self.status.get("reason", "")
        super().__init__(f"{code} {self.reason}: {self.status.get('message', status)}")


class Api:
    """Callable: api("GET", "/api/v1/pods"). Raises ApiError for an answer over 299, OSError when there is none."""

    def __init__(self, url, context, token=None):
        self.url, self.context, self.token = urlsplit(url), context, token
        self.mine = threading.local()

    @classmethod
    def from_kubeconfig(cls, path):
        with open(path) as f:
            config = json.load(f)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        if "client-certificate-data" in user:
            with tempfile.TemporaryDirectory() as folder:
                files = [os.path.join(folder, name) for name in ("crt", "key")]
                for file, key in zip(files, ("client-certificate-data", "client-key-data")):
                    with open(file, "wb") as f:
                        f.write(base64.b64decode(user[key]))
                context.load_cert_chain(*files)
        return cls(cluster["server"], context, user.get("token"))

    def connect(self, timeout):
        return http.client.HTTPSConnection(self.url.hostname, self.url.port, timeout=timeout, context=self.context)

    def headers(self, content_type="application/json"):
        return {"Content-Type": content_type, "Accept": "application/json",
                **({"Authorization": f"Bearer {self.token}"} if self.token else {})}

    def __call__(self, method, path, body=None, content_type="application/json", timeout=10):
        data = None if body is None else json.dumps(body).encode()
        kept = getattr(self.mine, "connection", None)
        if kept and method == "GET":
            try:
                return self.exchange(kept, method, path, data, content_type, timeout)
            except (OSError, http.client.HTTPException):
                pass  # a kept connection may have been closed; anew
        if kept:
            kept.close()
        self.mine.connection = self.connect(timeout)
        try:
            return self.exchange(self.mine.connection, method, path, data, content_type, timeout)
        except http.client.HTTPException as e:
            raise ConnectionError(repr(e)) from e

    def exchange(self, connection, method, path, data, content_type, timeout):
        connection.timeout = timeout
        if connection.sock:
            connection.sock.settimeout(timeout)
        connection.request(method, path, data, self.headers(content_type))
        answer = connection.getresponse()
        text = answer.read()
        try:
            doc = json.loads(text)
        except ValueError:
            doc = text.decode(errors="replace")
        if answer.status > 299:
            raise ApiError(answer.status, doc)
        return doc

    def get(self, path):
        """None when there is no such object."""
        try:
            return self("GET", path)
        except ApiError as e:
            if e.code == 404:
                return None
            raise

    def patch(self, path, body, content_type=MERGE):
        return self("PATCH", path, body, content_type)


class Watch(threading.Thread):
    """List and watch a collection for as long as the process lives: `objects` by (namespace, name), `changed(type, object)` for each
    event, called in this thread. After a gap everything is listed again and what is gone is told as DELETED."""

    def __init__(self, api, path, changed):
        super().__init__(daemon=True)
        self.api, self.path, self.changed = api, path, changed
        self.objects, self.synced = {}, threading.Event()

    def run(self):
        while True:
            try:
                self.follow(self.list())
            except (OSError, ApiError, http.client.HTTPException, ValueError):
                time.sleep(0.2)

    @staticmethod
    def key(o):
        return o["metadata"].get("namespace"), o["metadata"]["name"]

    def list(self):
        doc = self.api("GET", self.path)
        fresh = {self.key(o): o for o in doc["items"]}
        for key in set(self.objects) - set(fresh):
            self.event("DELETED", self.objects[key])
        for o in fresh.values():
            self.event("ADDED", o)
        self.synced.set()
        return doc["metadata"]["resourceVersion"]

    def event(self, kind, o):
        if kind == "DELETED":
            self.objects.pop(self.key(o), None)
        else:
            self.objects[self.key(o)] = o
        self.changed(kind, o)

    def follow(self, version):
        connection = self.api.connect(60)
        try:
            join = "&" if "?" in self.path else "?"
            connection.request("GET", f"{self.path}{join}watch=1&resourceVersion={version}&timeoutSeconds=50",
                               headers=self.api.headers())
            answer = connection.getresponse()
            if answer.status != 200:
                raise ApiError(answer.status, answer.read().decode(errors="replace"))
            for line in answer:
                e = json.loads(line)
                if e["type"] == "ERROR":
                    return
                self.event(e["type"], e["object"])
        finally:
            connection.close()
