#!/usr/bin/python3
"""See Sluice work: `make demo`.

A model made from real loans is rolled out to live traffic in three steps. One that fails its callers and one that is far slower
are stopped and rolled back without anybody touching them. `ctl rollback` brings back an older one. Nothing is acted: PostgreSQL,
Prometheus, HAProxy, the scoring processes and the requests are real, all in a temporary folder and on free ports, and all of it
is gone at the end. Exit status 0 means that everything that should happen did.
"""
import argparse
import json
import signal
import sys
import threading
import time

from load import Load
from screen import Screen
from stack import ROOT, Failure, Stack, boot_ms, unix_ms

MODEL, RATE, BATCH = "credit", 250, 100
MODELS = json.loads((ROOT / "demo/models/models.json").read_text())["models"]
CALM = ("DONE", "ROLLED_BACK", "IDLE")


class Story:
    def __init__(self, stack, screen):
        self.stack, self.screen = stack, screen
        self.load = None
        self.events = []  # rolloutd's, oldest first
        self.facts = []   # lines of the summary
        self.ended = threading.Event()
        self.teller = threading.Thread(target=self.tell_events, daemon=True)

    # --- what the audience sees ---

    def ctl(self, *args, token="oncall", quiet=False):
        """Run ctl, showing the command and what it says. Returns when it was started, in boot_ms()."""
        self.screen.stamp("$ ctl " + " ".join(f'"{a}"' if " " in str(a) else str(a) for a in args), "bold")
        began = boot_ms()
        done = self.stack.ctl(*args, token=token)
        if not quiet:
            for line in (done.stdout + done.stderr).splitlines():
                self.screen.write(" " * 10 + line)
        return began

    def tell_events(self):
        """Print what rolloutd writes into its history, as it comes; it may be away for a while."""
        while not self.ended.wait(0.15):
            try:
                page = self.stack.ask_rollout(f"/v1/rollouts/{MODEL}/history?limit=100")
            except OSError:
                continue
            seen = self.events[-1]["number"] if self.events else 0
            for event in sorted((e for e in page["events"] if e["number"] > seen), key=lambda e: e["number"]):
                self.events.append(event)
                self.tell_event(event)

    def tell_event(self, event):
        verdict = event["verdict"] or {}
        if event["kind"] == "verdict":
            if verdict["state"] != "breach":  # its move follows and says it again
                self.screen.stamp(f"rolloutd: {verdict['state']}: {event['why']}")
            return
        moved = event["to"] if event["from"] == event["to"] else f"{event['from']} -> {event['to']}"
        weight = f", candidate at {event['weight']:g} %" if event["to"] in ("CANARY", "PROMOTING") else ""
        style = {"ROLLING_BACK": "bad", "DONE": "good", "ROLLED_BACK": "good"}.get(event["to"])
        self.screen.stamp(f"rolloutd: {moved}{weight}: {event['why']}", style)
        if event["kind"] in ("weight", "promoting") and verdict.get("state") == "healthy":
            self.screen.note(f"healthy: {verdict['reason']}")

    # --- what has to happen ---

    def expect(self, true, fact):
        """A fact of the summary; the demonstration fails if it is not one."""
        self.facts.append((bool(true), fact))
        if not true:
            raise Failure(f"this should have been so: {fact}")

    def rollout(self):
        return self.stack.ask_rollout(f"/v1/rollouts/{MODEL}")

    def wait_for(self, phase, stable, timeout):
        """The rollout has come to rest like this; another rest is a failure at once."""
        def there():
            r = self.rollout()
            if r["phase"] in CALM and (r["phase"], r["stable"]) != (phase, stable):
                raise Failure(f"the rollout ended {r['phase']} with v{r['stable']}, not {phase} with v{stable}: {r['message']}")
            return r["phase"] == phase and self.told(r)
        return self.stack.wait(there, f"{phase} with v{stable}", timeout)

    def told(self, rollout):
        """The events of this rest have been printed; gives the rollout."""
        return rollout if self.events and self.events[-1]["to"] == rollout["phase"] else None

    def events_of(self, rollout_id):
        return [e for e in self.events if e["rollout_id"] == rollout_id]

    def seconds(self, n):
        """Let the audience watch n more seconds of traffic."""
        have = len(self.load.seconds)
        self.stack.wait(lambda: len(self.load.seconds) >= have + n, f"{n} seconds of traffic", n + 5)

    # --- the chapters ---

    def prepare(self):
        s = self.stack
        self.screen.chapter("registryd with a PostgreSQL of its own, Prometheus, rolloutd with HAProxy: all in " + str(s.dir))
        s.start_registry()
        for name, role in (("ci", "writer"), ("oncall", "deployer"), ("prometheus", "reader")):
            s.add_token(name, role)
        s.start_rollout(ROOT / "demo/policies")
        s.start_prometheus()
        self.teller.start()

    def push(self):
        self.screen.chapter("CI pushes four versions of a model that says whether a loan will be paid back")
        for m in MODELS:
            self.ctl("push", MODEL, f"demo/models/{m['file']}", "--no-git", "--meta", f"auc:={m['auc']}",
                     "--description", m["what"], token="ci", quiet=True)
        listed = self.stack.ctl("versions", MODEL, token="oncall").stdout
        for line in listed.splitlines():
            self.screen.write(" " * 10 + line)

    def first(self):
        self.screen.chapter("v1 goes live; as the first one it takes all traffic")
        self.ctl("rollout", "start", MODEL, 1, "--policy", "demo", quiet=True)
        self.wait_for("DONE", 1, 30)
        self.screen.note(f"From here on {RATE} requests a second with {BATCH} real loans each go through HAProxy, on a Poisson "
                         "schedule, measured from when each was due. One line a second: which version answered, x for an error.")
        self.load = Load(self.stack, MODEL, RATE, BATCH, self.screen.bar)
        self.seconds(3)

    def better(self):
        self.screen.chapter("v2 is better (AUC 0.845, v1 0.826): 5 %, 25 %, 100 %, each held and compared with v1")
        self.ctl("rollout", "start", MODEL, 2, "--policy", "demo", "--reason", "more training data", quiet=True)
        self.screen.note("It waits until Prometheus scrapes the newcomer, which learns of new targets every 5 s at most.")
        self.stack.wait(lambda: self.rollout()["step"] == 1 and self.rollout()["phase"] == "CANARY", "v2 at 25 %", 60)
        self.kill_rolloutd()
        done = self.wait_for("DONE", 2, 90)
        self.check_steps(done["rollout_id"])

    def kill_rolloutd(self):
        self.seconds(1)
        self.screen.stamp("$ kill -9 rolloutd   # and start it again: traffic needs it not, and it goes on where it was", "bold")
        self.stack.end("rolloutd", signal.SIGKILL)
        self.seconds(1)
        self.stack.start_rollout(ROOT / "demo/policies")

    def check_steps(self, rollout_id):
        """The traffic really was split as each step says, in the whole seconds between its beginning and the next."""
        offset = time.time() * 1000 - boot_ms()
        moves = [(unix_ms(e["at"]) - offset, e["weight"]) for e in self.events_of(rollout_id) if e["weight"] is not None]
        begins = {weight: at for at, weight in reversed(moves)}
        ends = sorted(begins.values())[1:] + [boot_ms()]
        for (weight, at), end in zip(sorted(begins.items(), key=lambda b: b[1]), ends):
            if weight not in (5, 25, 100):
                continue
            share = self.load.share(2, at + 200, end)
            self.expect(share is not None and abs(share * 100 - weight) < 2.5,
                        f"v2's {weight:g} % step: it answered {100 * (share or 0):.1f} % of the requests")
        self.expect({5, 25, 100} <= set(begins), "v2 went through 5 %, 25 % and 100 %")

    def bad(self, version, what, scraped_bad):
        """A candidate that has to be stopped at 5 % by itself. scraped_bad() gives the times of scrapes that show why."""
        self.screen.chapter(f"v{version} {what}")
        self.ctl("rollout", "start", MODEL, version, "--policy", "demo", quiet=True)
        rest = self.wait_for("ROLLED_BACK", 2, 60)
        self.seconds(1)
        events = self.events_of(rest["rollout_id"])
        self.expect(max(e["weight"] or 0 for e in events) == 5, f"v{version} never got more than 5 % of the traffic")
        back = next(unix_ms(e["at"]) for e in events if e["to"] == "ROLLING_BACK")
        first = min(scraped_bad(), default=None)
        if first is None:
            raise Failure(f"Prometheus never saw what is wrong with v{version}")
        took = (back - first) / 1000
        self.facts.append((True, f"v{version}: {took:.2f} s from the first scrape that shows a bad response to weight 0"))

    def scraped_errors(self):
        for series in self.stack.samples('scorer_requests_total{version="3",code!~"2.."}'):
            yield from (at for at, count in series.items() if count > 0)

    def scraped_slow(self):
        """Scrapes with answers over the policy's objective of 5 ms: those that are not in the histogram's bucket."""
        every = self.stack.samples('scorer_request_duration_seconds_count{version="4"}')
        fast = self.stack.samples('scorer_request_duration_seconds_bucket{version="4",le="0.005"}')
        for counts, within in zip(every, fast):
            yield from (at for at, count in counts.items() if count > within.get(at, count))

    def rollback(self):
        self.screen.chapter("somebody wants v1 back")
        began = self.ctl("rollback", MODEL, "--reason", "complaints from the branch offices")
        self.wait_for("ROLLED_BACK", 1, 30)
        self.seconds(3)
        return began

    def sum_up(self, rollback_began):
        total = self.load.stop()
        versions = total["versions"]
        for version, most in (("3", 10), ("4", 10)):
            took = (versions[version]["last_sent_ms"] - versions[version]["first_sent_ms"]) / 1000
            self.expect(took <= most, f"v{version}: {took:.2f} s from its first request to its last (at most {most} s)")
        took = (versions["2"]["last_sent_ms"] - rollback_began) / 1000
        self.expect(took <= 1, f"ctl rollback: {took:.2f} s from the command to the last request on the old route (at most 1 s)")
        lost = sum(total["failed"].values())
        own = {v: sum(n for code, n in seen["codes"].items() if not code.startswith("2")) for v, seen in versions.items()}
        self.expect(set(versions) == {"1", "2", "3", "4"}, "every answer came from one of the four versions")
        self.expect(own["3"] == sum(versions["3"]["codes"].values()) > 0,
                    f"v3 failed all of its {own['3']} requests by itself: {versions['3'].get('example', '')}")
        self.expect(lost + own["1"] + own["2"] + own["4"] == 0,
                    f"none of the other {total['sent'] - own['3']} requests failed: "
                    "not by a shift, a promotion, a rollback or the kill -9")
        self.table(total)

    def table(self, total):
        self.screen.write()
        self.screen.write(f"{'':10}version  requests  by status           p50 ms   p99 ms   max ms")
        for version, seen in sorted(total["versions"].items()):
            codes = ", ".join(f"{n} x {code}" for code, n in seen["codes"].items())
            at = seen["latency"]
            times = "".join(f"{at[name]:9.2f}" for name in ("p50_ms", "p99_ms", "max_ms"))
            self.screen.write(f"{'':10}v{version:7}{at['count']:9d}  {codes:18}{times}")
        self.screen.write(f"{'':10}{'sent':8}{total['sent']:9d}  {sum(total['failed'].values())} without an answer")

    def run(self):
        self.prepare()
        self.push()
        self.first()
        self.better()
        self.bad(3, "expects a feature that the clients do not send: every request to it is an error",
                 self.scraped_errors)
        self.bad(4, "is as good as v2 and far slower: 640 trees, every sixteenth of them 500 levels deep",
                 self.scraped_slow)
        self.sum_up(self.rollback())

    def close(self):
        self.ended.set()
        if self.load:
            self.load.each_second = lambda line: None


def give_up(number, _frame):
    raise Failure(f"interrupted by {signal.Signals(number).name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="leave the folder with logs and data, and say where it is")
    keep = parser.parse_args().keep
    screen, problem = Screen(), None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, give_up)
    stack = Stack("sluice-demo", keep)
    story = Story(stack, screen)
    try:
        story.run()
    except Failure as e:
        problem = str(e)
    except Exception as e:  # pylint: disable=broad-except  # whatever it was, clean up and say so
        problem = f"{type(e).__name__}: {e}"
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    story.close()
    screen.write()
    for true, fact in story.facts:
        screen.write(f"{'':10}{screen.paint('yes', 'good') if true else screen.paint('NO ', 'bad')}  {fact}")
    if problem:
        for name, tail in stack.log_tails():
            screen.write(f"--- {name}")
            for line in tail:
                screen.write("    " + line)
        screen.stamp(f"FAILED: {problem}", "bad")
    stack.stop()
    if keep:
        screen.stamp(f"logs and data are in {stack.dir}")
    screen.stamp("everything that was started has been stopped" + ("" if problem else "; all of it happened as it should"))
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
