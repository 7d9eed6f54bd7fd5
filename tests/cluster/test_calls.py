"""Single calls: every verb, every refusal, and what the client does about it by itself."""
import json

import pytest

from faultproxy import status

CM = "/v1/configmaps"


def configmap(name, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def test_create_get_update_and_delete(tool, namespace):
    made = tool.one("create", CM, namespace, "a", configmap("a", x="1"))["object"]
    assert tool.one("get", CM, namespace, "a")["object"]["data"] == {"x": "1"}
    made["data"]["x"] = "2"
    assert tool.one("update", CM, namespace, "a", made)["object"]["data"] == {"x": "2"}
    assert "object" in tool.one("delete", CM, namespace, "a", made["metadata"]["uid"], "-")
    assert tool.one("get", CM, namespace, "a")["failure"] == "NotFound"


def test_an_update_of_an_old_version_conflicts(tool, namespace):
    made = tool.one("create", CM, namespace, "a", configmap("a", x="1"))["object"]
    tool.one("merge", CM, namespace, "a", {"data": {"x": "2"}})
    failed = tool.one("update", CM, namespace, "a", made)
    assert (failed["failure"], failed["kind"], failed["status"]) == ("Conflict", "CONFLICT", 409)


def test_a_second_create_says_that_it_exists(tool, namespace):
    tool.one("create", CM, namespace, "a", configmap("a"))
    assert tool.one("create", CM, namespace, "a", configmap("a"))["failure"] == "AlreadyExists"


def test_a_json_patch_is_guarded_by_its_tests(tool, namespace):
    tool.one("create", CM, namespace, "a", configmap("a", x="1"))
    patch = [{"op": "test", "path": "/data/x", "value": "1"}, {"op": "replace", "path": "/data/x", "value": "2"}]
    assert tool.one("patch", CM, namespace, "a", patch)["object"]["data"]["x"] == "2"
    failed = tool.one("patch", CM, namespace, "a", patch)
    assert (failed["failure"], failed["kind"]) == ("TestFailed", "CONFLICT")
    nonsense = [{"op": "replace", "path": "/data", "value": 7}]
    assert tool.one("patch", CM, namespace, "a", nonsense)["failure"] == "Invalid"


def test_a_json_patch_can_test_the_resource_version(tool, namespace):
    made = tool.one("create", CM, namespace, "a", configmap("a", x="1"))["object"]
    patch = [{"op": "test", "path": "/metadata/resourceVersion", "value": made["metadata"]["resourceVersion"]},
             {"op": "replace", "path": "/data/x", "value": "2"}]
    assert "object" in tool.one("patch", CM, namespace, "a", patch)
    assert tool.one("patch", CM, namespace, "a", patch)["kind"] == "CONFLICT"


def test_a_merge_patch_with_an_old_version_conflicts(tool, namespace):
    made = tool.one("create", CM, namespace, "a", configmap("a", x="1"))["object"]
    patch = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "data": {"x": "2"}}
    assert tool.one("merge", CM, namespace, "a", patch)["object"]["data"]["x"] == "2"
    assert tool.one("merge", CM, namespace, "a", patch)["failure"] == "Conflict"


def test_apply_owns_fields_and_force_takes_them(tool, namespace):
    mine = configmap("a", x="1")
    assert tool.one("apply", CM, namespace, "a", mine, manager="rolloutd")["object"]["data"] == {"x": "1"}
    theirs = configmap("a", x="2", y="2")
    refused = tool.one("apply", CM, namespace, "a", theirs, manager="other")
    assert refused["failure"] == "Conflict" and "rolloutd" in refused["message"]
    assert tool.one("apply", CM, namespace, "a", theirs, manager="other", force=True)["object"]["data"] == {"x": "2", "y": "2"}
    # rolloutd has lost x and does not get it back by leaving it out
    assert tool.one("apply", CM, namespace, "a", configmap("a"), manager="rolloutd")["object"]["data"] == {"x": "2", "y": "2"}


def test_delete_respects_its_preconditions(tool, namespace):
    made = tool.one("create", CM, namespace, "a", configmap("a"))["object"]["metadata"]
    assert tool.one("delete", CM, namespace, "a", "00000000-0000-0000-0000-000000000000", "-")["failure"] == "Conflict"
    tool.one("merge", CM, namespace, "a", {"data": {"x": "2"}})
    assert tool.one("delete", CM, namespace, "a", made["uid"], made["resourceVersion"])["failure"] == "Conflict"
    assert "object" in tool.one("delete", CM, namespace, "a", made["uid"], "-")


@pytest.mark.parametrize("kind, name, body, reason", [
    (CM, "a", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "Not A Name"}}, "Invalid"),
    (CM, "a", {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}, "Invalid"),
    ("nowhere.example/v1/things", "a", {"apiVersion": "nowhere.example/v1", "kind": "Thing"}, "NotFound"),
    ("/v1/../configmaps", "a", {}, "Invalid"),
])
def test_what_will_never_work_says_so(tool, namespace, kind, name, body, reason):
    assert tool.one("create", kind, namespace, name, body)["failure"] == reason


@pytest.mark.parametrize("name", ["..", "a/b", "a%2fb", ""])
def test_names_do_not_escape_their_place_in_the_path(via_proxy, proxy, namespace, name):
    assert via_proxy.one("get", CM, namespace, name)["failure"] == "Invalid"
    assert proxy.count() == 0


def test_a_list_follows_its_pages(tool, kubectl, namespace):
    many = {"apiVersion": "v1", "kind": "List", "items": [configmap(f"m{i:04}", x=str(i)) for i in range(1201)]}
    kubectl("apply", "--server-side", "-n", namespace, "-f", "-", stdin=json.dumps(many))
    lines = tool.run("list", CM, namespace)
    names = [line["name"] for line in lines[:-1] if line["name"].startswith("m")]
    assert names == [f"m{i:04}" for i in range(1201)]
    assert lines[-1]["version"]


def test_a_list_whose_token_expired_says_gone(via_proxy, proxy, namespace, kubectl):
    proxy.add(path="limit=", status=200, body={"kind": "ConfigMapList", "metadata": {"continue": "t+/=", "resourceVersion": "5"},
                                                "items": [configmap("one")]})
    proxy.add(path="continue=", status=410, body=status(410, "Expired"))
    assert [line.get("name", line.get("failure")) for line in via_proxy.run("list", CM, namespace)] == ["one", "Gone"]
    assert proxy.count(path="continue=t%2B%2F%3D") == 1


def test_retry_after_is_obeyed_and_counted(via_proxy, proxy, namespace):
    proxy.add(method="POST", times=2, status=429, body=status(429, "TooManyRequests"), headers={"Retry-After": "1"})
    proxy.add(method="POST", times=1, status=503, body="busy", headers={"Retry-After": "0"})
    assert "object" in via_proxy.one("create", CM, namespace, "a", configmap("a"), timeout_ms=30000)
    assert proxy.count("POST") == 4


def test_retries_end_with_the_deadline(via_proxy, proxy, namespace):
    proxy.add(times=None, status=429, body=status(429, "TooManyRequests"), headers={"Retry-After": "1"})
    failed = via_proxy.one("get", CM, namespace, "a", timeout_ms=1500)
    assert (failed["failure"], failed["retry_after_ms"]) == ("Throttled", 1000)
    assert proxy.count() == 2


def test_a_server_error_without_retry_after_is_the_callers(via_proxy, proxy, namespace):
    proxy.add(status=500, body=status(500, "InternalError", "etcd is away"))
    failed = via_proxy.one("get", CM, namespace, "a")
    assert (failed["failure"], failed["kind"], failed["status"]) == ("Trouble", "UNAVAILABLE", 500)
    assert "etcd is away" in failed["message"]
    assert proxy.count() == 1


@pytest.mark.parametrize("rule, kind", [
    ({"hang": True}, "TIMEOUT"),
    ({"drop": True}, "UNAVAILABLE"),
    ({"cut": 40}, "UNAVAILABLE"),
    ({"status": 200, "body": "{\"half\":"}, "UNAVAILABLE"),
    ({"status": 200, "body": "\"" + "x" * (5 << 20) + "\""}, "TOO_LARGE"),
    ({"status": 502, "body": "<html>bad gateway"}, "UNAVAILABLE"),
])
def test_broken_answers_are_failures(via_proxy, proxy, namespace, rule, kind):
    proxy.add(**rule)
    assert via_proxy.one("get", CM, namespace, "kube-root-ca.crt", timeout_ms=2000)["kind"] == kind


def test_an_answer_in_small_pieces_is_whole(via_proxy, proxy, namespace, kubectl):
    kubectl("create", "configmap", "-n", namespace, "a", "--from-literal=x=1")
    proxy.add(pieces=7)
    assert via_proxy.one("get", CM, namespace, "a")["object"]["data"] == {"x": "1"}


def test_writers_in_a_race_all_get_through(tool, kubectl, namespace):
    kubectl("create", "configmap", "-n", namespace, "a", "--from-literal=n=0")
    writers = [tool.start("count", CM, namespace, "a", "n") for _ in range(3)]
    assert [w.process.wait(60) for w in writers] == [0, 0, 0], [w.lines() for w in writers]
    assert json.loads(kubectl("get", "configmap", "-n", namespace, "a", "-o", "json"))["data"]["n"] == "3"


def test_a_conflict_is_answered_by_reading_again(via_proxy, proxy, kubectl, namespace):
    kubectl("create", "configmap", "-n", namespace, "a", "--from-literal=n=0")
    proxy.add(method="PUT", times=4, status=409, body=status(409, "Conflict"))
    assert via_proxy.one("count", CM, namespace, "a", "n")["object"]["data"]["n"] == "1"
    assert (proxy.count("GET"), proxy.count("PUT")) == (5, 5)


def test_five_conflicts_are_enough(via_proxy, proxy, kubectl, namespace):
    kubectl("create", "configmap", "-n", namespace, "a", "--from-literal=n=0")
    proxy.add(method="PUT", times=None, status=409, body=status(409, "Conflict"))
    assert via_proxy.one("count", CM, namespace, "a", "n")["failure"] == "Conflict"
    assert proxy.count("PUT") == 5


def test_the_served_version_is_found(tool):
    assert tool.one("served", "batch/v77/jobs", "batch/v1/jobs") == {"served": "v1"}
    assert tool.one("served", "batch/v1/jobs", "batch/v77/jobs") == {"served": "v1"}
    assert tool.one("served", "batch/v1/jars", "nowhere.example/v1/things") == {"served": None}


def test_rollback_writes_overtake_a_jam(via_proxy, proxy, kubectl, namespace):
    kubectl("create", "configmap", "-n", namespace, "a", "--from-literal=x=1")
    proxy.add(times=None, hang=True)
    lines = via_proxy.run("jam", CM, namespace, "a", {"data": {"x": "0"}}, timeout_ms=4000)
    assert lines[0] == {"urgent": "ok"}
    assert [line["normal"] for line in lines[1:]] == ["NoAnswer"] * 60
    assert json.loads(kubectl("get", "configmap", "-n", namespace, "a", "-o", "json"))["data"]["x"] == "0"
