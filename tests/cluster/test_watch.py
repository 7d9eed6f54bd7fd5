"""The mirror of one kind of object: whatever happens to its connections, it ends up with what is there."""
import json

import pytest

from faultproxy import status

CM = "/v1/configmaps"
SELECT = "labelSelector=mine%3Dyes"
WATCH = r"watch=1"


class Objects:
    """ConfigMaps with a label, made and changed by kubectl."""

    def __init__(self, kubectl, namespace):
        self.kubectl, self.namespace = kubectl, namespace

    def put(self, **values):
        items = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": k, "labels": {"mine": "yes"}}, "data": {"x": str(v)}}
                 for k, v in values.items()]
        self.kubectl("apply", "-n", self.namespace, "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))

    def delete(self, *names):
        self.kubectl("delete", "configmap", "-n", self.namespace, *names)

    def all(self):
        items = json.loads(self.kubectl("get", "configmap", "-n", self.namespace, "-l", "mine=yes", "-o", "json"))["items"]
        return {i["metadata"]["name"]: i["data"]["x"] for i in items}


@pytest.fixture
def objects(kubectl, namespace):
    return Objects(kubectl, namespace)


def mirror(lines):
    """What the tool's callbacks add up to. Also checks that they make sense."""
    seen = {}
    for line in lines:
        change, name = line.get("change"), line.get("name")
        if change == "added":
            assert name not in seen, f"{name} was added twice"
            seen[name] = line["data"]["x"]
        elif change == "changed":
            assert name in seen, f"{name} changed before it was there"
            seen[name] = line["data"]["x"]
        elif change == "deleted":
            assert seen.pop(name, None) is not None, f"{name} was deleted without being there"
    return seen


def agrees(watch, objects):
    wanted = objects.all()
    watch.until(lambda lines: mirror(lines) == wanted, f"the mirror of {wanted}")


def synced(n=1):
    return lambda lines: sum("synced" in line for line in lines) >= n


def failed(reason):
    return lambda lines: any(line.get("failure") == reason for line in lines)


def test_it_lists_and_follows(tool, objects, namespace):
    objects.put(a=1, b=1)
    watch = tool.start("watch", CM, namespace, SELECT)
    watch.until(lambda lines: {"synced": 2} in lines)
    objects.put(b=2, c=1)
    objects.delete("a")
    agrees(watch, objects)
    assert watch.stop() == 0


def test_it_follows_through_small_pieces(via_proxy, proxy, objects, namespace):
    proxy.add(path=WATCH, times=None, pieces=3)
    watch = via_proxy.start("watch", CM, namespace, SELECT)
    watch.until(synced())
    objects.put(a=1, b=1, c=1)
    objects.put(a=2)
    agrees(watch, objects)


@pytest.mark.parametrize("at", [0, 1, 100, 700, 1500])
def test_it_survives_cuts_in_the_middle_of_events(via_proxy, proxy, objects, namespace, at):
    proxy.add(path=WATCH, times=3, cut=at)
    watch = via_proxy.start("watch", CM, namespace, SELECT)
    watch.until(synced())
    objects.put(a=1, b=1, c=1, d=1)
    objects.put(b=2, c=2)
    objects.delete("d")
    agrees(watch, objects)


def test_a_server_that_ends_watches_is_asked_again_without_a_list(via_proxy, proxy, objects, namespace):
    watch = via_proxy.start("watch", CM, namespace, SELECT, least_ms=1000)
    watch.until(synced())
    watch.until(lambda _: proxy.count(path=WATCH) >= 3)
    objects.put(a=1)
    agrees(watch, objects)
    assert proxy.count(path="limit=") == 1


@pytest.mark.parametrize("gone", [
    {"status": 410, "body": status(410, "Expired", "too old resource version")},
    {"status": 200, "body": json.dumps({"type": "ERROR", "object": status(410, "Expired", "too old")}) + "\n"},
    {"query": (r"resourceVersion=\d+", "resourceVersion=1")},  # what the real server says to a version it has forgotten, or a replay
], ids=["as a status", "as an event", "as the server says it"])
def test_after_410_nothing_is_lost_and_nothing_gone_is_kept(via_proxy, proxy, objects, namespace, gone):
    objects.put(a=1, b=1, c=1)
    first = proxy.add(path=WATCH, cut=0)
    proxy.add(path=WATCH, **gone)
    watch = via_proxy.start("watch", CM, namespace, SELECT)
    watch.until(lambda _: first["times"] == 0)
    objects.put(b=2, d=1)
    objects.delete("a")
    agrees(watch, objects)


def test_an_object_replaced_while_nobody_looked_is_deleted_and_added(via_proxy, proxy, objects, namespace):
    objects.put(a=1)
    hole = proxy.add(path=WATCH, times=None, status=410, body=status(410, "Expired"))
    watch = via_proxy.start("watch", CM, namespace, SELECT)
    watch.until(failed("Gone"))
    objects.delete("a")
    objects.put(a=2)
    hole["times"] = 0
    agrees(watch, objects)
    assert [line["change"] for line in watch.lines() if line.get("name") == "a"] == ["added", "deleted", "added"]


def test_a_silent_connection_is_given_up(via_proxy, proxy, objects, namespace):
    proxy.add(path=WATCH, freeze=0)
    watch = via_proxy.start("watch", CM, namespace, SELECT, silence_ms=1000)
    watch.until(synced())
    objects.put(a=1)
    agrees(watch, objects)
    assert failed("NoAnswer")(watch.lines())


def test_throttling_of_the_watch_keeps_its_place(via_proxy, proxy, objects, namespace):
    proxy.add(path=WATCH, times=2, status=429, body=status(429, "TooManyRequests"))
    watch = via_proxy.start("watch", CM, namespace, SELECT)
    watch.until(failed("Throttled"))
    objects.put(a=1)
    agrees(watch, objects)
    assert proxy.count(path="limit=") == 1


@pytest.mark.parametrize("noise", ["{\"type\":\"ADDED\"}\n", "not json\n", "{\"type\":\"NEW\",\"object\":{}}\n", "[]\n"])
def test_noise_in_the_stream_leads_to_a_new_list(via_proxy, proxy, objects, namespace, noise):
    proxy.add(path=WATCH, garble=(0, noise))
    watch = via_proxy.start("watch", CM, namespace, SELECT)
    watch.until(synced())
    objects.put(a=1, b=1)
    watch.until(synced(2))
    agrees(watch, objects)


def test_an_endless_line_is_given_up(via_proxy, proxy, objects, namespace):
    proxy.add(path=WATCH, status=200, body="x" * (4 << 20))
    watch = via_proxy.start("watch", CM, namespace, SELECT)
    watch.until(lambda lines: any("3 MiB" in line.get("message", "") for line in lines))
    objects.put(a=1)
    agrees(watch, objects)


def test_lists_that_fail_are_tried_again(via_proxy, proxy, objects, namespace):
    proxy.add(path="limit=", status=500)
    proxy.add(path="limit=", cut=20)
    proxy.add(path="limit=", status=403, body=status(403, "Forbidden"))
    objects.put(a=1)
    watch = via_proxy.start("watch", CM, namespace, SELECT)
    agrees(watch, objects)
    assert failed("Trouble")(watch.lines()) and failed("NoAnswer")(watch.lines()) and failed("Forbidden")(watch.lines())


def test_objects_with_odd_text_do_not_blind_it(tool, objects, namespace, kubectl):
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "odd", "labels": {"mine": "yes"}},
            "data": {"x": "nul \u0000 and \u2028 and \\ and \"", "y": "\n\r\n"}}
    kubectl("create", "-n", namespace, "-f", "-", stdin=json.dumps(body))
    watch = tool.start("watch", CM, namespace, SELECT)
    watch.until(synced())
    objects.put(a=1)
    watch.until(lambda lines: any(line.get("name") == "a" for line in lines))
