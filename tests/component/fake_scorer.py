#!/usr/bin/python3
"""A scorer whose behaviour a test chooses: reads $FAKE_SCORER/VERSION.json anew for every request.

{"errors": share of requests answered 400, "delay_ms": before an answer, "exit": status to end with instead of starting}
"""

import argparse
import collections
import http.server
import json
import os
import pathlib
import random
import sys
import threading
import time

BOUNDS = ("0.005", "0.05", "0.5")

parser = argparse.ArgumentParser()
for name in ("listen", "registry", "model", "version", "registry-token-file"):
    parser.add_argument(f"--{name}")
args, _ = parser.parse_known_args()
behaviour_file = pathlib.Path(os.environ["FAKE_SCORER"]) / f"{args.version}.json"
lock = threading.Lock()
codes, buckets = collections.Counter(), collections.Counter()
total_s = 0.0


def behaviour():
    try:
        return json.loads(behaviour_file.read_text())
    except FileNotFoundError:
        return {}


def metrics():
    labels = f'model="{args.model}",version="{args.version}"'
    with lock:
        lines = ["# TYPE scorer_requests_total counter"]
        lines += [f'scorer_requests_total{{{labels},code="{c}"}} {n}' for c, n in sorted(codes.items())]
        lines += ["# TYPE scorer_request_duration_seconds histogram"]
        lines += [f'scorer_request_duration_seconds_bucket{{{labels},le="{b}"}} {buckets[b]}' for b in (*BOUNDS, "+Inf")]
        lines += [f"scorer_request_duration_seconds_sum{{{labels}}} {total_s}",
                  f'scorer_request_duration_seconds_count{{{labels}}} {buckets["+Inf"]}', ""]
    return "\n".join(lines).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, body, content_type="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/metrics":
            self.reply(200, metrics(), "text/plain; version=0.0.4")
        else:
            self.reply(200, b'{"live":true,"ready":true}')

    def do_POST(self):
        global total_s
        started = time.monotonic()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        how = behaviour()
        time.sleep(how.get("delay_ms", 0) / 1000)
        status = 400 if random.random() < how.get("errors", 0) else 200
        took = time.monotonic() - started
        with lock:
            codes[status] += 1
            total_s += took
            for bound in (*BOUNDS, "+Inf"):
                buckets[bound] += took <= float(bound)
        self.reply(status, json.dumps({"model_version": args.version}).encode())


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


if "exit" in behaviour():
    print("the fake was told not to start", file=sys.stderr)
    sys.exit(behaviour()["exit"])
host, port = args.listen.rsplit(":", 1)
Server((host, int(port)), Handler).serve_forever()
