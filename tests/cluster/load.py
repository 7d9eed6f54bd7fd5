"""Clients that send inference requests at a rate and notice every answer: whose it was, and what failed."""
import collections
import http.client
import json
import threading
import time

BODY = json.dumps({"inputs": [{"name": "rows", "shape": [1, 13], "datatype": "FP32", "data": [1.0] * 13}]})


class Load:
    """Requests to a gateway until stop(). versions counts good answers by X-Sluice-Version, failures lists what else came as
    (seconds since the start, what)."""

    def __init__(self, address, host, model, port=80, rate=60, clients=4, headers=None):
        self.address, self.port, self.path = address, port, f"/v2/models/{model}/infer"
        self.headers = {"Host": host, "Content-Type": "application/json", **(headers or {})}
        self.lock, self.going, self.began = threading.Lock(), True, time.monotonic()
        self.versions, self.failed, self.failures = collections.Counter(), collections.Counter(), []
        self.threads = [threading.Thread(target=self.client, args=(i, clients / rate), daemon=True) for i in range(clients)]
        for t in self.threads:
            t.start()

    def client(self, number, every):
        connection = http.client.HTTPConnection(self.address, self.port, timeout=10)
        due = time.monotonic() + number * every / len(self.threads)
        while self.going:
            time.sleep(max(0, due - time.monotonic()))
            due = max(due + every, time.monotonic() - 0.2)  # no burst after a stall
            self.note(*self.ask(connection))
        connection.close()

    def ask(self, connection):
        """(version, status or what went wrong). A kept connection that turns out to be closed is opened once more, as HTTP clients do."""
        for attempt in (1, 2):
            kept = connection.sock is not None
            try:
                connection.request("POST", self.path, BODY, self.headers)
                answer = connection.getresponse()
                text = answer.read()
                version = answer.headers.get("X-Sluice-Version")
                return version, answer.status if answer.status == 200 else f"{answer.status} {text[:120]!r}"
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as e:
                connection.close()
                if not kept or attempt == 2:
                    return None, repr(e)
            except (OSError, http.client.HTTPException) as e:
                connection.close()
                return None, repr(e)
        return None, "never"

    def note(self, version, outcome):
        with self.lock:
            if outcome == 200:
                self.versions[version] += 1
            else:
                self.failed[version] += 1
                self.failures.append((round(time.monotonic() - self.began, 3), version, outcome))

    def asked(self, version):
        """How many requests this version got, well or badly answered."""
        with self.lock:
            return self.versions[version] + self.failed[version]

    def share(self, version, since=None):
        """Of all answers with a version, or of those since a snapshot()."""
        now, then = self.snapshot(), since or collections.Counter()
        total = sum(now.values()) - sum(then.values())
        return (now[version] - then[version]) / total if total else 0.0

    def snapshot(self):
        with self.lock:
            return collections.Counter({v: n for v, n in (self.versions + self.failed).items() if v is not None})

    def stop(self):
        self.going = False
        for t in self.threads:
            t.join()
        return self.failures
