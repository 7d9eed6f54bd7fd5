"""Prometheus as it looks to somebody whose clock has jumped: all timestamps in its answers are `off_s` seconds away."""
import http.server
import json
import threading
import urllib.error
import urllib.request


class Skewed:
    def __init__(self, url):
        skewed = self
        self.off_s = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_GET(self):
                self.forward(None)

            def do_POST(self):
                self.forward(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

            def forward(self, body):
                kind = {"Content-Type": self.headers["Content-Type"]} if self.headers["Content-Type"] else {}
                rq = urllib.request.Request(url + self.path, data=body, headers=kind, method=self.command)
                try:
                    with urllib.request.urlopen(rq, timeout=10) as r:
                        status, data = r.status, skewed.shift(r.read())
                except urllib.error.HTTPError as e:
                    status, data = e.code, e.read()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def shift(self, data):
        doc = json.loads(data)
        result = doc.get("data", {}).get("result") if isinstance(doc.get("data"), dict) else None
        if not self.off_s or not isinstance(result, list):
            return data
        samples = [result] if doc["data"]["resultType"] in ("scalar", "string") else [
            s for series in result for s in ([series["value"]] if "value" in series else series.get("values", []))]
        for s in samples:
            s[0] += self.off_s
        return json.dumps(doc).encode()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
