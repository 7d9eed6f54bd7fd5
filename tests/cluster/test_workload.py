"""Releases on a real API server: what deploy() makes, leaves alone and refuses, and what retire() takes away."""
import json

import pytest

from cluster import kubeconfig
from waiting import wait_until

KINDS = ("controllerrevisions", "deployments", "services", "poddisruptionbudgets", "horizontalpodautoscalers", "configmaps", "secrets")
DIGEST = "sha256:" + 64 * "7"


@pytest.fixture
def get(kubectl, namespace):
    """get("deployments", "fraud-v7") is the object, or None; get("services") all that are Sluice's, by name."""
    def look(kind, name=None):
        if name:
            text = kubectl("-n", namespace, "get", kind, name, "-o", "json", "--ignore-not-found")
            return json.loads(text) if text.strip() else None
        items = json.loads(kubectl("-n", namespace, "get", kind, "-l", "sluice.dev/rollout", "-o", "json"))["items"]
        return {o["metadata"]["name"]: o for o in items}
    return look


def everything(get):
    return {kind: sorted(get(kind)) for kind in KINDS}


def test_a_release_is_made_once_and_belongs_to_its_rollout(declare, platform, get):
    uid = declare()["metadata"]["uid"]
    p = platform().deploy(replicas=2, role="candidate", digest=DIGEST)
    assert everything(get) == {**{kind: ["fraud-v7"] for kind in KINDS[:4]}, "services": ["fraud-preview", "fraud-v7"],
                               "horizontalpodautoscalers": [], "configmaps": [], "secrets": []}
    for kind in KINDS[:4]:
        meta = get(kind, "fraud-v7")["metadata"]
        assert meta["ownerReferences"][0]["uid"] == uid and meta["labels"]["sluice.dev/release"] == "7"
        assert meta["annotations"]["sluice.dev/epoch"].isdigit()
    env = {e["name"]: e["value"] for e in get("deployments", "fraud-v7")["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert (env["SLUICE_SCORER_MODEL"], env["SLUICE_SCORER_VERSION"], env["SLUICE_SCORER_DIGEST"]) == ("fraud-score", "7", DIGEST)
    assert get("services", "fraud-preview")["spec"]["selector"] == {"sluice.dev/rollout": "fraud", "sluice.dev/release": "7"}
    before = {kind: get(kind, "fraud-v7") for kind in ("controllerrevisions", "services", "poddisruptionbudgets")}
    generation = get("deployments", "fraud-v7")["metadata"]["generation"]
    p.deploy(replicas=2, role="candidate", digest=DIGEST)
    assert before == {kind: get(kind, "fraud-v7") for kind in before}
    assert get("deployments", "fraud-v7")["metadata"]["generation"] == generation
    p.deploy(replicas=2, role="stable")
    assert get("services", "fraud-preview") is None


def test_a_preview_left_by_another_leader_is_collected(declare, platform, get):
    declare()
    p = platform().deploy(role="candidate")
    p.close()
    p = platform()
    p.done("publish", phase="CANARY", stable="6", candidate="7")
    p.deploy(role="candidate")
    assert get("services", "fraud-preview"), "while its candidate is one"
    p.close()
    p = platform()
    p.done("publish", phase="DONE", stable="7")
    wait_until(lambda: get("services", "fraud-preview") is None, "the preview is gone", p.tail)


def test_the_release_keeps_the_template_it_began_with(declare, platform, get):
    declare()
    p = platform().deploy(replicas=1)
    declare({"containers": [{"name": "scorer", "image": "asleep:other"}]})
    p.deploy(replicas=3).deploy("7.1", replicas=1)
    images = {name: d["spec"]["template"]["spec"]["containers"][0]["image"] for name, d in get("deployments").items()}
    assert images == {"fraud-v7": "asleep:test", "fraud-v7-1": "asleep:other"}
    assert get("deployments", "fraud-v7")["spec"]["replicas"] == 3
    assert get("deployments", "fraud-v7")["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"


def test_a_template_that_has_changed_since_the_decision_is_a_conflict(declare, platform, get):
    declare()
    p = platform()
    build = next(line for line in p.lines() if "wanted" in line)["build"]
    declare({"containers": [{"name": "scorer", "image": "asleep:other"}]})
    answer = p("deploy", release="7", build=build)
    assert answer["failure"] == "CONFLICT" and "the template has changed" in answer["message"]
    assert get("controllerrevisions") == {}


def test_what_belongs_to_somebody_else_is_left_alone(declare, platform, get, api, namespace):
    declare()
    body = {"metadata": {"name": "fraud-v7"}, "spec": {"ports": [{"port": 1}], "selector": {"app": "theirs"}}}
    api("POST", f"/api/v1/namespaces/{namespace}/services", body)
    before = get("services", "fraud-v7")
    p = platform()
    answer = p("deploy", release="7")
    assert answer["failure"] == "INVALID" and "services fraud-v7 exists and belongs to somebody else" in answer["message"]
    p.retire()
    assert get("services", "fraud-v7") == before and get("controllerrevisions") == {}


CONFIGURED = {
    "containers": [{"name": "scorer", "image": "asleep:test",
                    "env": [{"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "level"}}}],
                    "envFrom": [{"secretRef": {"name": "extra", "optional": True}}]}],
    "volumes": [{"name": "keys", "projected": {"sources": [{"secret": {"name": "keys"}}, {"configMap": {"name": "conf"}}]}}],
}


def test_configuration_is_part_of_the_release(declare, platform, get, api, namespace):
    base = f"/api/v1/namespaces/{namespace}"
    declare(CONFIGURED)
    p = platform()
    answer = p("deploy", release="7")
    assert answer["failure"] == "INVALID" and 'the template names ConfigMap "conf", which does not exist' in answer["message"]
    assert get("deployments") == {}
    api("POST", f"{base}/configmaps", {"metadata": {"name": "conf"}, "data": {"level": "high"}})
    api("POST", f"{base}/secrets", {"metadata": {"name": "keys"}, "stringData": {"token": "hidden"}})
    p.deploy()
    assert sorted(get("configmaps")) == ["fraud-v7-conf"] and sorted(get("secrets")) == ["fraud-v7-keys"]
    copy = get("secrets", "fraud-v7-keys")
    assert copy["immutable"] is True and copy["data"] == get("secrets", "keys")["data"]
    api.patch(f"{base}/configmaps/conf", {"data": {"level": "low"}})
    p.deploy(replicas=2).deploy("7.1")
    assert [get("configmaps", n)["data"]["level"] for n in ("fraud-v7-conf", "fraud-v7-1-conf")] == ["high", "low"]
    env = get("deployments", "fraud-v7-1")["spec"]["template"]["spec"]["containers"][0]["env"][0]
    assert env["valueFrom"]["configMapKeyRef"]["name"] == "fraud-v7-1-conf"
    api("POST", f"{base}/secrets", {"metadata": {"name": "extra"}, "stringData": {"late": "yes"}})
    p.deploy(replicas=3)
    assert get("secrets", "fraud-v7-extra") is None  # pods of one release are all alike
    p.retire("7")
    assert sorted(get("configmaps")) == ["fraud-v7-1-conf"] and sorted(get("secrets")) == ["fraud-v7-1-keys"]
    assert get("configmaps", "conf") and get("secrets", "keys")


AUTOSCALING = {"minReplicas": 2, "maxReplicas": 6,
               "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}}]}


def test_an_autoscaler_is_given_a_floor_and_the_replicas_are_its_own(declare, platform, get, api, namespace):
    declare(replicas=None, autoscaling=AUTOSCALING)
    p = platform().deploy(replicas=2)
    scaler = get("horizontalpodautoscalers", "fraud-v7")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"], scaler["scaleTargetRef"]["name"]) == (2, 6, "fraud-v7")
    api.patch(f"/apis/apps/v1/namespaces/{namespace}/deployments/fraud-v7", {"spec": {"replicas": 5}})
    p.deploy(replicas=4)
    assert get("horizontalpodautoscalers", "fraud-v7")["spec"]["minReplicas"] == 4
    assert get("deployments", "fraud-v7")["spec"]["replicas"] == 5
    declare(replicas=None, autoscaling={**AUTOSCALING, "maxReplicas": 9})
    p.deploy(replicas=4)
    assert get("horizontalpodautoscalers", "fraud-v7")["spec"]["maxReplicas"] == 9
    declare(maxUnavailable=1)
    p.deploy(replicas=3).deploy(replicas=3)
    assert get("horizontalpodautoscalers", "fraud-v7") is None
    assert get("deployments", "fraud-v7")["spec"]["replicas"] == 3
    assert get("poddisruptionbudgets", "fraud-v7")["spec"]["maxUnavailable"] == 1


def test_a_size_is_remembered_and_an_owner_may_think_again(declare, platform, get, api, namespace):
    """Whoever leads next need not deploy anything; whose size is not as it should be has wanted -1."""
    declare(replicas=None, autoscaling=AUTOSCALING)
    p = platform().deploy("7", replicas=3)
    wait_until(lambda: p.release()["wanted"] == 3, "it is known", p.tail)
    p.close()
    p = platform()
    assert p.release()["wanted"] == 3
    declare(replicas=None, autoscaling={**AUTOSCALING, "maxReplicas": 9})
    wait_until(lambda: p.release()["wanted"] == -1, "it is to be scaled in another way", p.tail)
    p.deploy(replicas=3)
    assert p.release()["wanted"] == 3 and get("horizontalpodautoscalers", "fraud-v7")["spec"]["maxReplicas"] == 9
    declare(replicas=2)
    wait_until(lambda: p.release()["wanted"] == -1, "by nobody any more", p.tail)
    p.deploy(replicas=2)
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/fraud-v7"
    api.patch(path, {"spec": {"replicas": 7}})
    wait_until(lambda: p.release()["wanted"] == 7, "somebody has scaled it by hand", p.tail)


def test_a_template_edited_by_hand_is_told_and_left(declare, platform, get, api, namespace):
    declare()
    p = platform().deploy()
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/fraud-v7"
    wait_until(lambda: "deployment.kubernetes.io/revision" in api.get(path)["metadata"]["annotations"], "the controller's mark")
    api.patch(path, {"spec": {"template": {"metadata": {"labels": {"mine": "yes"}}}}})
    wait_until(lambda: "somebody has changed its pods' template" in p.release()["message"], "a message", p.tail)
    p.deploy(replicas=2)
    assert get("deployments", "fraud-v7")["spec"]["template"]["metadata"]["labels"]["mine"] == "yes"


def test_what_was_retired_is_gone_and_can_come_back(declare, platform, get):
    declare()
    p = platform().deploy(role="candidate").retire()
    wait_until(lambda: everything(get) == {kind: [] for kind in KINDS}, "all is gone", lambda: everything(get))
    p.retire().retire("9")
    wait_until(lambda: p.release() is None, "the world has forgotten it")
    wait_until(lambda: p("deploy", release="7")["failure"] is None, "it is made again")
    assert get("deployments", "fraud-v7")


@pytest.mark.parametrize("n", range(5))
def test_whatever_fails_is_made_good_by_doing_it_again(declare, platform, get, api, namespace, cluster, proxy, tmp_path, n):
    base = f"/api/v1/namespaces/{namespace}"
    api("POST", f"{base}/configmaps", {"metadata": {"name": "conf"}, "data": {"level": "high"}})
    api("POST", f"{base}/secrets", {"metadata": {"name": "keys"}, "stringData": {"token": "hidden"}})
    declare(CONFIGURED)
    path = tmp_path / "proxy.kubeconfig"
    path.write_text(kubeconfig(proxy.url, cluster.certs.ca, {"token": "any"}))
    p = platform(path)
    what = ("controllerrevisions", "secrets", "deployments", "services", "poddisruptionbudgets")[n]
    proxy.add(method="POST", path=what, status=500, body="broken")
    answer = p.tried("deploy", release="7")
    assert answer["failure"] in ("UNAVAILABLE", "INTERNAL"), answer
    p.deploy()
    assert all(list(get(kind)) == ["fraud-v7"] for kind in KINDS[:4])
    proxy.add(method="DELETE", path=what, status=500, body="broken")
    assert p("retire", release="7")["failure"] is not None
    p.retire()
    wait_until(lambda: everything(get) == {kind: [] for kind in KINDS}, "all is gone", lambda: everything(get))


def test_works_of_one_release_follow_one_another(declare, platform, get):
    declare()
    p = platform()
    for replicas in (1, 2, 3):
        p.process.stdin.write(json.dumps({"do": "deploy", "target": f"{p.namespace}.fraud", "release": "7", "replicas": replicas}) + "\n")
    p.process.stdin.flush()
    p.seen = 3
    wait_until(lambda: len(p.answers()) == 3, "three answers")
    assert [a["failure"] for a in p.answers()] == [None] * 3
    assert get("deployments", "fraud-v7")["spec"]["replicas"] == 3


def test_the_rollout_is_gone(declare, platform, api, namespace):
    declare()
    p = platform()
    api("DELETE", f"/apis/sluice.dev/v1alpha1/namespaces/{namespace}/modelrollouts/fraud")
    wait_until(lambda: any("gone" in line for line in p.lines()), "it is gone")
    assert p("deploy", release="7")["failure"] == "NOT_FOUND"


@pytest.fixture
def route(platform, declare):
    """All traffic goes to release 7, and there is release 8 too."""
    declare()
    p = platform().deploy("7").deploy("8", role="candidate")
    answer = p("route", weights={"7": 10000}, urgent=True)  # goes back to what is not ready, too
    assert answer["failure"] is None, answer
    return p


def test_what_has_weight_is_not_retired(route, get):
    answer = route("retire", release="7")
    assert answer["failure"] == "CONFLICT" and "release 7 still has 100 % of the traffic" in answer["message"]
    assert "fraud-v7" in get("deployments")
    route.retire("8")
    wait_until(lambda: "fraud-v8" not in get("deployments"), "it is gone")
    assert everything(get)["services"] == ["fraud-v7"]


@pytest.fixture
def images(kubelet):
    kubelet.images["asleep:test"] = {"command": ["/bin/sh", "-c", "exec sleep 1000"]}
    kubelet.images["broken:test"] = {"command": ["/bin/sh", "-c", """echo '{"level":"error","msg":"cannot serve","error":"golden rows, line 2"}' >&2; exit 2"""]}
    return kubelet.images


@pytest.mark.parametrize("container, says, final", [
    ({"image": "broken:test"}, "cannot serve: golden rows, line 2", True),
    ({"image": "asleep:test", "envFrom": [{"secretRef": {"name": "keys"}}]}, "", True),
    ({"image": "nobody:knows"}, "ImagePullBackOff", False),
    ({"image": "asleep:test", "resources": {"requests": {"memory": "100Ti"}}}, "Insufficient memory", False)],
    ids=["crash", "config", "image", "room"])
def test_pods_that_do_not_come_up_say_why(declare, platform, api, namespace, images, container, says, final):
    base = f"/api/v1/namespaces/{namespace}"
    api("POST", f"{base}/secrets", {"metadata": {"name": "keys"}, "stringData": {"token": "hidden"}})
    declare({"containers": [{"name": "scorer", **container}]})
    p = platform().deploy()
    if "envFrom" in container:  # the copy is taken away under a release that has not started yet
        api("DELETE", f"{base}/secrets/fraud-v7-keys")
        pods = api.get(f"{base}/pods")["items"]
        for pod in pods:
            api("DELETE", f"{base}/pods/{pod['metadata']['name']}?gracePeriodSeconds=0")
        says = 'secret "fraud-v7-keys" not found'
    wait_until(lambda: says in p.release()["message"] and p.release()["failed"] == final, says, p.release)
