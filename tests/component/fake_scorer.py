#!/usr/bin/python3
"""A scorer whose behaviour a test chooses: reads $FAKE_SCORER/VERSION.json anew for every request.

{"errors": share of requests answered 400, "delay_ms": before an answer, "exit": status to end with instead of starting,
"unready": true for a pod that never is}

Without arguments it is told what to serve as a pod is: by the variables that rolloutd sets.
"""

import argparse
import collections
import http.server
import json
import os
import pathlib
import random
import signal
import sys
import threading
import time

BOUNDS = ("0.005", "0.05", "0.5")

parser = argparse.ArgumentParser()
for name in ("listen", "registry", "model", "version", "registry-token-file"):
    parser.add_argument(f"--{name}", default=os.environ.get(f"SLUICE_SCORER_{name.upper()}"))
args, _ = parser.parse_known_args()
behaviour_file = pathlib.Path(os.environ["FAKE_SCORER"]) / f"{args.version}.json"
lock, draining = threading.Lock(), threading.Event()
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
        self.send_header("X-Sluice-Version", args.version)
        self.send_header("X-Variant", os.environ.get("VARIANT", ""))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/metrics":
            self.reply(200, metrics(), "text/plain; version=0.0.4")
        elif self.path.endswith("/ready") and (draining.is_set() or behaviour().get("unready")):
            self.reply(503, b'{"live":true,"ready":false}')
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


def drain(*_):
    """As the real one: unready at once, answering until the gateways have noticed."""
    draining.set()
    threading.Timer(float(os.environ["SLUICE_SCORER_DRAIN_DELAY"].removesuffix("s")), os._exit, (0,)).start()


if "SLUICE_SCORER_DRAIN_DELAY" in os.environ:
    signal.signal(signal.SIGTERM, drain)
if "exit" in behaviour():
    print("the fake was told not to start", file=sys.stderr)
    sys.exit(behaviour()["exit"])
host, port = args.listen.rsplit(":", 1)
Server((host, int(port)), Handler).serve_forever()
