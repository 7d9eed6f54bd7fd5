"""How long traffic stays on a route that should be left: by hand (ctl rollback), and by itself (a candidate that errors)."""
import statistics
import time

from load import Load
from stack import ROOT, Failure, boot_ms, unix_ms

MODEL, RATE, BATCH = "credit", 300, 20
MODELS = ROOT / "demo/models"


class Switching:
    def __init__(self, stack, rounds, say):
        self.stack, self.rounds, self.say = stack, rounds, say
        self.load = None

    def rollout(self):
        return self.stack.ask_rollout(f"/v1/rollouts/{MODEL}")

    def settle(self, phase, stable):
        def there():
            r = self.rollout()
            return r if (r["phase"], r["stable"]) == (phase, stable) else None
        return self.stack.wait(there, f"{phase} with v{stable}", 60)

    def seconds(self, n):
        have = len(self.load.seconds)
        self.stack.wait(lambda: len(self.load.seconds) >= have + n, f"{n} seconds of traffic", n + 10)

    def prepare(self):
        """v1 and v2 both warm, traffic on v2; v3 registered."""
        for file in ("v1.json", "v2.ubj", "v3.ubj"):
            self.stack.ctl("push", MODEL, MODELS / file, "--no-git")
        self.stack.ctl("rollout", "start", MODEL, 1, "--policy", "demo")
        self.settle("DONE", 1)
        self.load = Load(self.stack, MODEL, RATE, BATCH, lambda line: None)
        self.seconds(2)
        self.stack.ctl("rollout", "start", MODEL, 2, "--policy", "demo")
        self.stack.wait(lambda: self.rollout()["phase"] == "CANARY", "v2 has traffic", 30)
        self.stack.ctl("rollout", "promote", MODEL, "--full")
        self.settle("DONE", 2)

    def last_sent(self, version, after_ms):
        """When the version was last sent a request that it answered, among the seconds that ended after a time."""
        return max((line["versions"][version]["last_sent_ms"] for line in self.load.seconds
                    if line["now_ms"] >= after_ms and version in line["versions"]), default=after_ms)

    def by_hand(self):
        """ctl rollback there and back; ms from starting the command to the last request on the old route, and to its end."""
        left, returned = [], []
        for n in range(self.rounds * 2):
            old = self.rollout()["stable"]
            began = boot_ms()
            self.stack.ctl("rollback", MODEL, "--to", 3 - old)
            returned.append(boot_ms() - began)
            self.settle("ROLLED_BACK", 3 - old)
            self.seconds(2)
            left.append(self.last_sent(str(old), began) - began)
            self.say(f"rollback {n + 1}: last request on v{old} {left[-1]:.0f} ms after the command, which took {returned[-1]:.0f} ms")
        return {"last_request_ms": left, "command_ms": returned}

    def by_itself(self):
        """A candidate that answers nothing but errors. ms from the first scrape that shows one to the decision's weight of 0, and
        from its first request to its last."""
        decided, exposed = [], []
        for n in range(self.rounds):
            began, began_unix, stable = boot_ms(), time.time() * 1000, self.rollout()["stable"]
            self.stack.ctl("rollout", "start", MODEL, 3, "--policy", "demo")
            self.settle("ROLLED_BACK", stable)
            self.seconds(2)
            events = self.stack.ask_rollout(f"/v1/rollouts/{MODEL}/history?limit=20")["events"]
            back = next(unix_ms(e["at"]) for e in events if e["to"] == "ROLLING_BACK")
            decided.append(back - self.first_bad_scrape(began_unix))
            sent = [line["versions"]["3"] for line in self.load.seconds if line["now_ms"] >= began and "3" in line["versions"]]
            exposed.append(max(s["last_sent_ms"] for s in sent) - min(s["first_sent_ms"] for s in sent))
            self.say(f"breach {n + 1}: weight 0 {decided[-1]:.0f} ms after the first bad scrape, {exposed[-1] / 1000:.1f} s of traffic")
        return {"scrape_to_zero_ms": decided, "exposed_ms": exposed}

    def first_bad_scrape(self, after_ms):
        """A candidate that was kept for inspection goes on counting where it was, so look for the first rise."""
        selector = 'scorer_requests_total{version="3",code!~"2.."}'
        rises = []
        for series in self.stack.samples(selector):
            before = max((count for at, count in series.items() if at <= after_ms), default=0)
            rises += [at for at, count in series.items() if at > after_ms and count > before]
        if not rises:
            raise Failure("Prometheus saw no error of v3")
        return min(rises)

    def run(self):
        self.prepare()
        result = {**self.by_hand(), **self.by_itself()}
        total = self.load.stop()
        result["failed"] = sum(total["failed"].values())
        result["not_2xx"] = {v: sum(n for code, n in seen["codes"].items() if code[0] != "2") for v, seen in total["versions"].items()}
        result["median"] = {name: statistics.median(values) for name, values in result.items() if isinstance(values, list)}
        result["max"] = {name: max(values) for name, values in result.items() if isinstance(values, list)}
        return result
