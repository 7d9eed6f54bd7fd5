"""What the kernel says of a process, and what a rolloutd says of itself."""
import datetime
import math
import os
import re
import statistics
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")
PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def resident_mib(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * PAGE_MIB


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def waited_s(pid):
    """How long its threads were ready to run and no processor was free."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as f:
            total += int(f.read().split()[1])
    return total / 1e9


def seconds_of(stamp):
    """RFC 3339 as seconds since the epoch."""
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def percentile(values, p):
    values = sorted(values)
    return values[math.ceil(len(values) * p) - 1] if values else float("nan")


def slope(points):
    """Of the line that lies nearest to the points, by least squares."""
    mx, my = (statistics.fmean(p[i] for p in points) for i in (0, 1))
    return sum((x - mx) * (y - my) for x, y in points) / (sum((x - mx) ** 2 for x, _ in points) or 1)


class Histogram:
    """A rolloutd's histogram between two scrapes; those whose labels match are added up."""

    def __init__(self, before, after, name, labels=""):
        rows, self.sum_s = {}, 0
        for key, n in after.items():
            n -= before.get(key, 0)
            m = re.match(rf'{name}_bucket\{{{labels}le="([^"]+)"\}}$', key)
            if m:
                rows[float(m.group(1))] = rows.get(float(m.group(1)), 0) + n
            elif re.match(rf"{name}_sum(\{{{labels[:-1]}\}})?$", key):
                self.sum_s += n
        self.buckets = sorted(rows.items())
        self.n = self.buckets[-1][1] if rows else 0

    def below_ms(self, p):
        """The bound of the bucket that this share of the observations lies in."""
        return next((le * 1000 for le, n in self.buckets if n >= self.n * p), float("inf")) if self.n else float("nan")

    def mean_ms(self):
        return self.sum_s / self.n * 1000 if self.n else float("nan")


def total(metrics, name):
    """Of a counter, over all its labels."""
    return sum(v for k, v in metrics.items() if k == name or k.startswith(name + "{"))


class Usage(threading.Thread):
    """A rolloutd looked at every second, and its metrics every five."""

    def __init__(self, site):
        super().__init__(daemon=True)
        self.site, self.leader, self.pid = site, site.leader, site.leader.process.pid
        self.over, self.began = threading.Event(), time.monotonic()
        self.rss, self.queue, self.load = [], [], []
        self.before, self.cpu, self.waited = site.metrics(), cpu_s(self.pid), waited_s(self.pid)
        self.start()

    def run(self):
        while not self.over.wait(1):
            self.rss.append((time.monotonic() - self.began, resident_mib(self.pid)))
            if len(self.rss) % 5 == 0:
                self.queue.append(self.site.metrics(self.leader).get("rolloutd_queue_targets", 0))
                self.load.append(os.getloadavg()[0])

    def stop(self):
        """What was seen, as a document."""
        self.over.set()
        self.join()
        after, seconds = self.site.metrics(), time.monotonic() - self.began
        reconcile, rounds = (Histogram(self.before, after, f"rolloutd_{n}_seconds") for n in ("reconcile", "work"))
        api = Histogram(self.before, after, "rolloutd_kube_request_seconds", 'verb="[^"]+",resource="[^"]+",')
        gone = {n: total(after, n) - total(self.before, n) for n in ("rolloutd_kube_requests_total", "rolloutd_kube_mirror_events_total",
                                                                     "rolloutd_kube_mirror_lists_total",
                                                                     "rolloutd_kube_mirror_failures_total")}
        late = [p for p in self.rss if p[0] > seconds / 2]
        return {"seconds": seconds, "load": statistics.fmean(self.load or [os.getloadavg()[0]]),
                "passes": reconcile.n, "reconcile_mean_ms": reconcile.mean_ms(),
                "reconcile_ms": {p: reconcile.below_ms(p) for p in (0.5, 0.99, 0.999)},
                "rounds": rounds.n, "round_mean_ms": rounds.mean_ms(), "round_ms": {p: rounds.below_ms(p) for p in (0.5, 0.99, 0.999)},
                "api_calls": gone["rolloutd_kube_requests_total"], "api_ms": {p: api.below_ms(p) for p in (0.5, 0.99)},
                "api_mean_ms": api.mean_ms(), "events": gone["rolloutd_kube_mirror_events_total"],
                "lists": gone["rolloutd_kube_mirror_lists_total"], "watch_failures": gone["rolloutd_kube_mirror_failures_total"],
                "queue": {"median": percentile(self.queue, 0.5), "most": max(self.queue, default=0)},
                "cpu_s": cpu_s(self.pid) - self.cpu, "waited_s": waited_s(self.pid) - self.waited,
                "rss_mib": self.rss[::max(1, len(self.rss) // 120)], "rss_most_mib": max(m for _, m in self.rss),
                "rss_end_mib": self.rss[-1][1], "rss_slope_mib_per_hour": slope(late) * 3600}
