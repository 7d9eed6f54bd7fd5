"""An HTTPS proxy in front of an API server that misbehaves on script.

A rule is a dict: `method` and `path` (a regular expression, query included) select requests, `times` says for how many
(default 1, None: for ever), and the rest says what happens:

    status, body, headers   answer so, without asking the server
    after                   ask the server first, then answer so: the write happened, its answer is lost
    delay                   seconds before anything
    hang                    read the request and never answer
    drop                    close without an answer
    cut                     stop the answer after so many bytes, by closing
    freeze                  stop the answer after so many bytes, without closing
    garble                  text put in after so many bytes of the answer: (bytes, text)
    pieces                  pass the answer on in pieces of so many bytes
    query                   (old, new): regular expression replaced in the path, then on to the server
"""
import http.client
import http.server
import re
import ssl
import threading
import time
from urllib.parse import urlsplit


def status(code, reason, message="scripted", **more):
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code, **more}


class FaultProxy:
    def __init__(self, cluster, cert, token=None):
        self.upstream = urlsplit(cluster.url)
        self.context = cluster.context()
        self.upstream_token = token
        self.tokens = None  # accepted bearer tokens; None: any
        self.rules, self.log, self.lock = [], [], threading.Lock()
        self.released = threading.Event()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def log_message(self, *args):
                pass

            def handle_any(self):
                proxy.handle(self)

            do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def finish_request(self, request, client_address):
                try:
                    request.settimeout(60)
                    request = context.wrap_socket(request, server_side=True)
                    super().finish_request(request, client_address)
                except OSError:
                    pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*cert)
        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self.release()
        self.server.shutdown()
        self.server.server_close()

    def add(self, method="GET", path="", times=1, **what):
        rule = {"method": method, "path": re.compile(path), "times": times, **what}
        with self.lock:
            self.rules.append(rule)
        return rule

    def clear(self):
        """All rules end, and what hangs is let go."""
        with self.lock:
            self.rules.clear()
        self.release()

    def release(self):
        self.released.set()
        self.released = threading.Event()

    def count(self, method="GET", path=""):
        with self.lock:
            return sum(1 for m, p, _ in self.log if m == method and re.search(path, p))

    def pick(self, method, path):
        with self.lock:
            for rule in self.rules:
                if rule["method"] == method and rule["path"].search(path) and rule["times"] != 0:
                    if rule["times"] is not None:
                        rule["times"] -= 1
                    return rule
        return {}

    def handle(self, h):
        length = int(h.headers.get("Content-Length") or 0)
        body = h.rfile.read(length) if length else None
        token = (h.headers.get("Authorization") or "").removeprefix("Bearer ")
        with self.lock:
            self.log.append((h.command, h.path, token))
        rule = self.pick(h.command, h.path)
        released = self.released
        if rule.get("delay"):
            time.sleep(rule["delay"])
        if self.tokens is not None and token not in self.tokens:
            return self.answer(h, 401, status(401, "Unauthorized", "token unknown"), {})
        if rule.get("hang"):
            released.wait(60)
            h.close_connection = True
            return None
        if rule.get("drop"):
            h.close_connection = True
            return None
        if "status" in rule and not rule.get("after"):
            return self.answer(h, rule["status"], rule.get("body"), rule.get("headers", {}))
        return self.forward(h, rule, body, released)

    @staticmethod
    def answer(h, code, doc, headers):
        import json
        text = json.dumps(doc if doc is not None else status(code, "Scripted")).encode() if not isinstance(doc, str) else doc.encode()
        h.send_response(code)
        for name, value in {"Content-Type": "application/json", "Content-Length": len(text), **headers}.items():
            h.send_header(name, str(value))
        h.end_headers()
        h.wfile.write(text)

    def forward(self, h, rule, body, released):
        path = re.sub(*rule["query"], h.path) if rule.get("query") else h.path
        upstream = http.client.HTTPSConnection(self.upstream.hostname, self.upstream.port, context=self.context, timeout=60)
        headers = {k: v for k, v in h.headers.items() if k.lower() in ("content-type", "accept")}
        if self.upstream_token:
            headers["Authorization"] = f"Bearer {self.upstream_token}"
        try:
            upstream.request(h.command, path, body=body, headers=headers)
            r = upstream.getresponse()
            if "status" in rule:
                r.read()
                return self.answer(h, rule["status"], rule.get("body"), rule.get("headers", {}))
            h.send_response(r.status)
            for name in ("Content-Type", "Retry-After"):
                if r.headers.get(name):
                    h.send_header(name, r.headers[name])
            h.send_header("Transfer-Encoding", "chunked")
            h.end_headers()
            return self.stream(h, rule, r, released)
        except OSError:
            h.close_connection = True
        finally:
            upstream.close()
        return None

    def stream(self, h, rule, r, released):
        sent, size, garble = 0, rule.get("pieces", 65536), rule.get("garble")
        limit = rule.get("cut", rule.get("freeze"))
        while not released.is_set():
            data = r.read1(size)
            if not data:
                break
            if limit is not None:
                data = data[:limit - sent]
            if garble and sent + len(data) > garble[0]:
                at = garble[0] - sent
                data, garble = data[:at] + garble[1].encode() + data[at:], None
            if data:
                h.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                h.wfile.flush()
            sent += len(data)
            if limit is not None and sent >= limit:
                if "freeze" in rule:
                    released.wait(60)
                h.close_connection = True
                return
        if released.is_set():
            h.close_connection = True
            return
        h.wfile.write(b"0\r\n\r\n")
