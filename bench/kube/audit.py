"""What the API server wrote down about the rolloutds: who did what when, how long the server took, and in which order writes landed."""
import collections
import json

from process import seconds_of

WRITES = ("create", "update", "patch", "delete")


class Entry:
    """One request of a rolloutd."""

    def __init__(self, doc):
        ref = doc.get("objectRef", {})
        self.user, self.verb, self.code = doc["user"]["username"], doc["verb"], doc.get("responseStatus", {}).get("code", 0)
        self.resource, self.name, self.sub = ref.get("resource"), ref.get("name"), ref.get("subresource")
        self.asked, self.answered = seconds_of(doc["requestReceivedTimestamp"]), seconds_of(doc["stageTimestamp"])
        answer = doc.get("responseObject") or {}
        self.version = int(answer.get("metadata", {}).get("resourceVersion") or 0)  # etcd's revision: one order for the whole cluster
        status = answer.get("status")  # a word when the answer is a Status
        self.epoch = (status or {}).get("epoch") if self.resource == "modelrollouts" and isinstance(status, dict) else None

    @property
    def landed(self):
        """A write of what rolloutd acts on, and it was carried out."""
        return self.verb in WRITES and 200 <= self.code < 300 and self.resource != "leases"


def read(path, since=0.0):
    out = []
    with open(path) as f:
        for line in f:
            if line.endswith("\n") and '"bench:rolloutd"' in line and '"ResponseComplete"' in line:
                entry = Entry(json.loads(line))
                if entry.asked >= since:
                    out.append(entry)
    return out


def check_one_leader(entries):
    """AssertionError unless the writes of one process end before those of the next begin, in the order in which they landed, and each says
    the epoch of the process that made it. Returns (user, epoch, writes) of each in turn."""
    landed = sorted((e for e in entries if e.landed and e.version), key=lambda e: e.version)
    turns, epochs = [], collections.defaultdict(set)
    for e in landed:
        if not turns or turns[-1][0] != e.user:
            turns.append([e.user, 0])
        turns[-1][1] += 1
        if e.epoch is not None and e.sub == "status":
            epochs[e.user].add(e.epoch)
    users = [user for user, _ in turns]
    assert len(set(users)) == len(users), f"two at once: {turns}"
    assert all(len(epochs[u]) <= 1 for u in users), f"one process wrote with several epochs: {dict(epochs)}"
    order = [max(epochs[u]) for u in users if epochs[u]]
    assert order == sorted(order) and len(set(order)) == len(order), f"epochs do not rise: {order}"
    return [(u, max(epochs[u], default=None), n) for u, n in turns]
