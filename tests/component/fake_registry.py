"""A registry of one version that can answer wrongly on request."""

import hashlib
import http.server
import json
import threading


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class FakeRegistry:
    """Serves GET of the version and of its blobs, as docs/api.md has them. `fault` names what goes wrong."""

    def __init__(self, model, number, files, token):
        self.model, self.number, self.files, self.token = model, number, files, token
        self.fault, self.fail_first, self.served = None, 0, []
        self.hold = threading.Event()
        self.hold.set()
        listed = [{"path": p, "digest": digest_of(d), "size": len(d)} for p, d in sorted(files.items())]
        canonical = {"files": listed, "metadata": {"auc": 0.75}}
        self.digest = digest_of(json.dumps(canonical, sort_keys=True, separators=(",", ":")).encode())
        self.version = {**canonical, "model": model, "number": number, "digest": self.digest, "description": "", "size": 0,
                        "created_at": "2026-01-01T00:00:00Z", "created_by": "ci", "aliases": []}
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                fake.answer(self)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, rq):
        self.hold.wait(20)
        if self.fault == "down" or self.fail_first > 0:
            self.fail_first -= 1
            return self.problem(rq, 503, "UNAVAILABLE", "the database is away")
        if self.fault == "wrong token" or rq.headers["Authorization"] != f"Bearer {self.token}":
            return self.problem(rq, 401, "UNAUTHORIZED", "this token is not known")
        if self.fault == "unknown":
            return self.problem(rq, 404, "NOT_FOUND", "there is no version 3")
        if rq.path == f"/v1/models/{self.model}/versions/{self.number}":
            return self.manifest(rq)
        for path, data in self.files.items():
            if rq.path == f"/v1/blobs/{digest_of(data)}":
                self.served.append(path)
                return self.blob(rq, data)
        return self.problem(rq, 404, "NOT_FOUND", "there is no such thing")

    def manifest(self, rq):
        self.served.append("manifest")
        version = dict(self.version)
        if self.fault == "changed manifest":
            version["metadata"] = {"auc": 0.99}
        if self.fault == "another version":
            version["number"] = 4
        self.send(rq, 200, b"<html>" if self.fault == "no json" else json.dumps(version).encode())

    def blob(self, rq, data):
        if self.fault == "wrong bytes":
            data = b"x" + data[1:]
        elif self.fault == "too short":
            data = data[:-1]
        elif self.fault == "too long":
            data += b"x"
        self.send(rq, 200, data, cut=self.fault == "cut off")

    @classmethod
    def problem(cls, rq, status, title, detail):
        cls.send(rq, status, json.dumps({"title": title, "status": status, "detail": detail}).encode(), "application/problem+json")

    @staticmethod
    def send(rq, status, body, content_type="application/json", cut=False):
        rq.send_response(status)
        rq.send_header("Content-Type", content_type)
        rq.send_header("Content-Length", str(len(body)))
        rq.end_headers()
        rq.wfile.write(body[:len(body) // 2] if cut else body)
        if cut:
            rq.close_connection = True
            rq.wfile.flush()
