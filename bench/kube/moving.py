"""Memory and reconciling while many ModelRollouts are under way, and while rolloutd starts."""
import concurrent.futures
import time

from process import Usage, cpu_s, resident_mib, seconds_of, total
from report import say
from testsite import AT_REST
from sluice import wait_until


class Moving:
    """So many of the ModelRollouts go from version to version, each a step further every `step` seconds (0: as soon as it can)."""

    def __init__(self, site, names, step_s):
        self.site, self.names, self.step_s = site, names, step_s
        self.wanted = {n: int(site.where(n)[1]) for n in names}
        self.due = {n: time.monotonic() + step_s * i / len(names) for i, n in enumerate(names)}
        self.steps = self.arrived = 0

    def once(self, name):
        """The next thing that moves this one on, if it is time."""
        now = time.monotonic()
        phase, stable, _ = self.site.where(name)
        if now < self.due[name]:
            return
        if phase in AT_REST and stable == str(self.wanted[name]):
            self.wanted[name] = 2 if self.wanted[name] == 1 else 1
            self.site.change(name, self.wanted[name])
            self.arrived += 1
        elif phase == "Canary":
            self.site.steer(name, "promote")
        else:
            return
        self.steps += 1
        self.due[name] = max(self.due[name] + self.step_s, now)

    def go_on(self, seconds):
        began = told = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            while time.monotonic() - began < seconds:
                lap = time.monotonic()
                list(pool.map(self.once, [n for n in self.names if lap >= self.due[n]]))
                if lap - told > 60:
                    told = lap
                    say(f"{self.steps} steps taken; rolloutd has {resident_mib(self.site.leader.process.pid):.1f} MiB")
                time.sleep(max(0.0, 0.2 - (time.monotonic() - lap)))


def move(site, seconds, step_s):
    moving = Moving(site, site.owned[:site.options.moving], step_s)
    used, others = Usage(site), {name: cpu_s(child.pid) for name, child in site.cluster.children}
    moving.go_on(seconds)
    result = {**used.stop(), "steps": moving.steps, "rollouts": moving.arrived,
              "server_mib": {name: resident_mib(child.pid) for name, child in site.cluster.children},
              "server_cpu_s": {name: cpu_s(child.pid) - others[name] for name, child in site.cluster.children}}
    say(f"moving: {moving.steps} steps, reconcile p99 {result['reconcile_ms'][0.99]:g} ms, {result['rss_end_mib']:.1f} MiB, "
        f"{result['rss_slope_mib_per_hour']:+.2f} MiB/h, load {result['load']:.1f}")
    site.settle(moving.names)
    return result


def logged_at(daemon, text):
    return next(seconds_of(line["time"]) for line in daemon.log_lines() if line.get("msg") == text)


def start_up(site):
    """A rolloutd begins that knows nothing; nobody else leads."""
    began = time.time()
    site.leader = site.rolloutd()
    n, first = site.options.rollouts, None

    def passed():
        nonlocal first
        done = total(site.metrics(), "rolloutd_reconcile_seconds_count")
        if done and not first:
            first = time.time()
        return done >= n

    wait_until(passed, "each has been looked at", 300, 0.02)
    pid = site.leader.process.pid
    result = {"lists_s": logged_at(site.leader, "leading") - began, "records_s": logged_at(site.leader, "records read") - began,
              "first_s": first - began, "all_s": time.time() - began, "rss_mib": resident_mib(pid), "cpu_s": cpu_s(pid)}
    say(f"start: {result}")
    return result
