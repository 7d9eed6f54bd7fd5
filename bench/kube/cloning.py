"""Thousands of ModelRollouts that serve, without the hours that an API server would need to make them: everything that the cluster stores
of one is stored again under other names of the same length, past the API server, in etcd. It watches etcd and takes them in."""
import base64
import json
import re
import urllib.request
import uuid

UID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
BATCH = 100  # puts in one transaction; etcd takes 128


class Etcd:
    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}/v3/kv"

    def ask(self, verb, body):
        rq = urllib.request.Request(f"{self.url}/{verb}", json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(rq, timeout=60) as r:
            return json.load(r)

    def below(self, prefix):
        """(key, value) of all keys that begin so."""
        end = prefix[:-1] + bytes([prefix[-1] + 1])
        kvs = self.ask("range", {"key": text(prefix), "range_end": text(end)}).get("kvs", [])
        return [(base64.b64decode(kv["key"]), base64.b64decode(kv["value"])) for kv in kvs]

    def put(self, pairs):
        self.ask("txn", {"success": [{"requestPut": {"key": text(k), "value": text(v)}} for k, v in pairs]})


def text(data):
    return base64.b64encode(data).decode()


def renamed(objects, old, new):
    """The same objects under another name, with uids of their own that refer to each other as the old ones do."""
    fresh = {}

    def other(match):
        return fresh.setdefault(match.group(), str(uuid.uuid4()).encode())

    return [(k.replace(old, new), UID.sub(other, v).replace(old, new)) for k, v in objects]


def clone(etcd_port, like, names):
    """Returns how many objects there are of one."""
    etcd, like = Etcd(etcd_port), like.encode()
    objects = [(k, v) for k, v in etcd.below(b"/registry/") if like in k and not k.startswith(b"/registry/events/")]
    waiting = []
    for name in names:
        assert len(name) == len(like)
        waiting += renamed(objects, like, name.encode())
        while len(waiting) >= BATCH:
            etcd.put(waiting[:BATCH])
            waiting = waiting[BATCH:]
    if waiting:
        etcd.put(waiting)
    return len(objects)
