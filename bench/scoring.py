"""Scoring at fixed rates up to the knee: an open-loop load straight at one scorer, without the router in between."""
import csv
import json
import os
import subprocess
import time

from stack import BIN, ROOT, Failure, free_ports, get_json

ROWS = ROOT / "demo/data/loans.csv"
GOOD_MS, KNEE_SHARE = 50, 0.9  # past the knee: under 90 % of the requests answered well within 50 ms of when they were due
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid):
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Scoring:
    def __init__(self, stack, seconds, say):
        self.stack, self.seconds, self.say = stack, seconds, say
        self.port = free_ports(1)[0]

    def start(self, file):
        """A scorer of this model; as the registry has it, which is how it runs everywhere."""
        self.stack.ctl("push", "bench", ROOT / "demo/models" / file, "--no-git")
        number = json.loads(self.stack.ctl("versions", "bench", "-o", "json", "--limit", 1).stdout)["versions"][0]["number"]
        self.stack.launch("scorer", BIN / "scorer", "--listen", f"127.0.0.1:{self.port}", "--registry", self.stack.url["registry"],
                          "--registry-token-file", self.stack.tokens["admin"], "--model", "bench", "--version", number)
        self.stack.wait(lambda: get_json(f"http://127.0.0.1:{self.port}/v2/health/ready"), "the scorer is ready", 20)

    def at(self, rate, batch):
        pid = self.stack.running["scorer"].pid
        before = cpu_s(pid)
        done = subprocess.run(
            [BIN / "loadgen", "--url", f"http://127.0.0.1:{self.port}/v2/models/bench/infer", "--rows", ROWS, "--leave-out", "class",
             "--batch", str(batch), "--rate", str(rate), "--poisson", "--connections", "64", "--warmup", "1s", "--timeline=false",
             "--duration", f"{self.seconds}s", "--timeout", "5s", "--goodput", f"{GOOD_MS}ms"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failure(f"loadgen: {done.stderr.strip()}")
        seen = json.loads(done.stdout.splitlines()[-1])
        latency, due = seen["latency"], seen["sent"] + seen["failed"]["not_sent"]
        result = {"rate": rate, "batch": batch, **{k: latency[k] for k in ("p50_ms", "p99_ms", "p999_ms", "max_ms")},
                  "good_share": seen["good"] / due, "failed": sum(seen["failed"].values()),
                  "cpu_us": (cpu_s(pid) - before) / (rate * (self.seconds + 1)) * 1e6}
        self.say(f"{batch} rows, {rate}/s: p50 {result['p50_ms']:.2f} ms, p99 {result['p99_ms']:.2f} ms, within 50 ms {100 * result['good_share']:.1f} %")
        return result

    def sweep(self, batch, rates):
        results = []
        for rate in rates:
            results.append(self.at(rate, batch))
            if results[-1]["good_share"] < KNEE_SHARE:
                break
        return results

    def run(self):
        results = {}
        for file in ("v1.json", "v2.ubj"):
            self.start(file)
            results[file] = [*self.sweep(1, (1000, 2000, 4000, 8000, 12000, 16000, 24000, 32000, 48000)),
                             *self.sweep(100, (100, 200, 400, 800, 1600, 3200, 6400))]
            self.stack.end("scorer")
        return {"rates": results, "libxgboost_us": libxgboost_us()}


def libxgboost_us():
    """libxgboost's in-place prediction of 1 and of 100 rows through Python, one thread, in microseconds a call; None without it."""
    try:
        import numpy as np
        import xgboost as xgb
    except ImportError:
        return None
    with open(ROWS, newline="") as f:
        rows = np.array([[float(v) if v else np.nan for v in row[:-1]] for row in list(csv.reader(f))[1:1001]], dtype=np.float32)
    times = {}
    for file in ("v1.json", "v2.ubj", "v4.ubj"):
        booster = xgb.Booster({"nthread": 1}, model_file=str(ROOT / "demo/models" / file))
        for n in (1, 100):
            parts = [rows[i:i + n] for i in range(0, len(rows), n)]
            began = time.perf_counter()
            for part in parts:
                booster.inplace_predict(part, validate_features=False)
            times[f"{file} {n}"] = (time.perf_counter() - began) / len(parts) * 1e6
    return times
