"""From the verdict that a candidate is bad to the weights being written, alone and beside other writers of the same route."""
import pathlib
import subprocess
import sys
import time

import audit
from process import percentile, seconds_of
from report import say
from testsite import NAMESPACE, ROUTES
from sluice import wait_until

WRITER = pathlib.Path(__file__).with_name("writer.py")
WRITTEN = "weights of the rollback are written"


class Writers:
    """So many other writers of one route, each a process."""

    def __init__(self, site, route, n):
        command = [sys.executable, str(WRITER), str(site.cluster.kubeconfig), f"{ROUTES}/{route}"]
        self.began = time.monotonic()
        self.processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(n)]

    def stop(self):
        """Writes a second of all together."""
        outs = [p.communicate()[0] for p in self.processes]
        return sum(int(o or 0) for o in outs) / (time.monotonic() - self.began)


def send_out(site, names):
    """Candidates that serve a fifth of the traffic and look well."""
    site.settle(names)
    for name in names:
        tried = site.rollouts.objects[(NAMESPACE, name)]["spec"]["version"]  # what was rolled back is not begun again
        site.change(name, next(v for v in (1, 2, 3) if v != tried and str(v) != site.where(name)[1]))
    site.wait_for_all(names, lambda x: site.where(x)[0] == "Canary" and site.where(x)[2] == 20, "candidates have traffic", 300)
    time.sleep(6)  # a healthy look at each


def turn_bad(site, name):
    candidate = (site.status(name).get("candidate") or {}).get("release")
    site.evidence.bad[(f"{NAMESPACE}.{name}", candidate)] = time.time()


def is_back(site, name):
    return site.where(name)[0] == "RolledBack"


def server_ms(entries, route, until, took_ms):
    """What of the time from decision to written weights the API server had the requests for this route."""
    since = until - took_ms / 1000 - 0.002
    mine = [e for e in entries if e.name and e.name.startswith(route) and e.resource in ("httproutes", "services")
            and e.asked >= since and e.answered <= until + 0.005]
    busy, at = 0.0, 0.0
    for e in sorted(mine, key=lambda e: e.asked):  # some are asked at once
        busy += max(0.0, e.answered - max(e.asked, at))
        at = max(at, e.answered)
    return busy * 1000, sum(e.verb in audit.WRITES for e in mine)


def outcome(site, since, names):
    time.sleep(0.5)  # the log's and the audit log's last lines
    entries = audit.read(site.cluster.audit_log, since)
    took, server, own, tries = [], [], [], []
    for line in site.leader.log_lines():
        until = seconds_of(line["time"])
        if line.get("msg") != WRITTEN or until < since or line["target"].split(".", 1)[1] not in names:
            continue
        took.append(int(line["took_ms"]))
        ms, n = server_ms(entries, line["target"].split(".", 1)[1], until, took[-1])
        server.append(ms)
        own.append(took[-1] - ms)
        tries.append(n)
    assert len(took) >= len(names), (len(took), len(names))
    return {"n": len(took), "p50_ms": percentile(took, 0.5), "p99_ms": percentile(took, 0.99), "most_ms": max(took),
            "server_p50_ms": percentile(server, 0.5), "server_p99_ms": percentile(server, 0.99),
            "own_p50_ms": percentile(own, 0.5), "own_p99_ms": percentile(own, 0.99), "tries_most": max(tries)}


def together(site, names):
    """Some a second turn bad."""
    send_out(site, names)
    since = time.time()
    for name in names:
        turn_bad(site, name)
        time.sleep(1 / site.options.rate)
    site.wait_for_all(names, lambda x: is_back(site, x), "are back", 180)
    return outcome(site, since, names)


def beside(site, names, n):
    """One after the other, with so many other writers of its route in a loop."""
    send_out(site, names)
    since, rates = time.time(), []
    for name in names:
        writers = Writers(site, name, n)
        try:
            time.sleep(0.5)
            turn_bad(site, name)
            wait_until(lambda: is_back(site, name), f"{name} is back", 60, 0.05)
        finally:
            rates.append(writers.stop())
    return {**outcome(site, since, names), "others_writes_per_s": percentile(rates, 0.5)}


def go_back(site):
    o, result = site.options, {}
    plan = [("owned", site.owned[:o.rollbacks], 0), ("adopted", site.adopted, 0)]
    plan += [(mode, names[:o.contended], n) for mode, names in (("owned", site.owned), ("adopted", site.adopted)) for n in (1, 4)]
    for mode, names, n in plan:
        key = f"{mode}, {n} other writers" if n else mode
        result[key] = beside(site, names, n) if n else together(site, names)
        say(f"back, {key}: {result[key]}")
        site.evidence.bad.clear()
    return result
