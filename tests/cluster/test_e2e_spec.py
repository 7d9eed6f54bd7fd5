"""What is wrong with a ModelRollout is said with a reason, as a condition and an Event, and nothing that serves is touched."""
import pytest

from kubeapi import ApiError
from skewed import Skewed
from stack import GROUP
from waiting import wait_until


def refused(site, says, *reasons, name="fraud"):
    """Until the spec is not followed for one of these reasons, with this in the message, and an Event tells it too."""
    def said():
        c = site.condition("SpecAccepted", name)
        return c if c and c[0] == "False" and c[1] in reasons and says in c[2] else None
    _, reason, _ = wait_until(said, f"{reasons} as a reason", lambda: site.explain(name), patience_s=20)
    wait_until(lambda: site.events(reason, name), f"an Event {reason}", lambda: [e["reason"] for e in site.events(name=name)])


# What the API server refuses by itself, from the schema, before anybody sees it.
BAD = [({"version": None}, "spec"), ({"alias": "a"}, "spec"), ({"version": 0}, "version"), ({"version": "2"}, "version"),
       ({"surge": 101}, "surge"), ({"replicas": -1}, "replicas"), ({"version": None, "digest": "sha256:12"}, "digest"),
       ({"route": {"mode": "Mine"}}, "mode"), ({"policy": "Not A Name"}, "policy"),
       ({"strategy": {"canary": {"steps": []}}}, "steps"), ({"template": {"spec": {"containers": []}}}, "containers"),
       ({"strategy": {"canary": {"steps": [{"weight": 101, "hold": "1s"}]}}}, "weight"),
       ({"strategy": {"canary": {"steps": [{"weight": 5, "hold": "soon"}]}}}, "hold")]


@pytest.mark.parametrize("over, says", BAD, ids=[str(i) for i in range(len(BAD))])
def test_the_schema_refuses(api, namespace, definitions, over, says):
    spec = {"version": 1, "route": {"parentRefs": [{"name": "g"}]}, "template": {"spec": {"containers": [{"name": "s", "image": "i"}]}}, **over}
    body = {"apiVersion": GROUP, "kind": "ModelRollout", "metadata": {"name": "fraud"}, "spec": {k: v for k, v in spec.items() if v is not None}}
    with pytest.raises(ApiError) as e:
        api("POST", f"/apis/{GROUP}/namespaces/{namespace}/modelrollouts", body)
    assert e.value.code == 422 and says in str(e.value), e.value


def test_names_that_do_not_exist_are_told_and_come_to_exist(site):
    """One after the other on a rollout that serves; none of them touches what serves."""
    site.start()
    site.serving(1)
    load = site.load()
    site.change(version=99)
    refused(site, "99", "VersionNotFound")
    site.change(version=None, alias="nobody")
    refused(site, "nobody", "VersionNotFound")
    site.change(alias=None, version=2, policy="none")
    refused(site, "none", "PolicyNotFound")
    assert site.share("1") == 100 and site.view()["stable"] == "1" and not site.view().get("candidate")
    site.change(policy="quick")
    site.at_rest(2)
    wait_until(lambda: site.condition("SpecAccepted")[0] == "True", "it is accepted", site.explain)
    assert load.stop() == []


def test_an_unknown_model_is_told(site):
    site.start()
    site.create(model="nobody-has-this")
    refused(site, "nobody-has-this", "VersionNotFound")


@pytest.mark.parametrize("over, says", [
    ({"template": {"spec": {"containers": [{"name": "x"}]}}}, ""),
    ({"route": {"mode": "Adopted"}}, "backends"),
    ({"route": {"mode": "Adopted", "backends": ["a", "a"]}}, ""),
    ({"strategy": {"canary": {"steps": [{"weight": 50, "hold": "1s"}, {"weight": 5, "hold": "1s"}]}}}, "weight")],
    ids=["no image", "no backends", "one backend twice", "steps go down"])
def test_a_spec_that_makes_no_sense_is_told(site, over, says):
    site.rolloutd().start()
    site.create(**over)
    refused(site, says, "InvalidSpec", "TemplateRefused", "DeployFailed")


def test_two_rollouts_on_one_route_are_told_and_the_older_has_it(site):
    site.start()
    site.serving(1)
    site.create("second", version=2, route={**site.spec()["route"], "name": "fraud"})
    refused(site, "fraud", "RouteConflict", name="second")
    assert site.share("1") == 100 and set(site.weights()) == {"fraud-v1"}
    site.api("DELETE", site.path("fraud"))
    site.at_rest(2, "second")


def test_a_route_is_renamed_without_a_failed_request(site):
    site.start()
    site.serving(1)
    load = site.load()
    wait_until(lambda: load.versions["1"] > 20, "answers")
    site.change(route={**site.spec()["route"], "name": "renamed"})
    wait_until(lambda: site.api.get(site.path("fraud", "httproutes", "gateway.networking.k8s.io/v1")) is None, "the former route is gone", site.explain)
    assert site.weights("renamed") == {"fraud-v1": 10000}
    before = load.snapshot()["1"]
    wait_until(lambda: load.versions["1"] > before + 50, "answers by the new one")
    assert load.stop() == []


def test_a_policy_that_is_removed_mid_rollout_goes_on_as_it_began(site):
    site.start()
    site.serving(1)
    site.load()
    site.begin(2)
    (site.folder / "policies/slow.yaml").unlink()
    site.daemon.process.send_signal(1)
    wait_until(lambda: [p["name"] for p in site.ask("GET", "/v1/policies").body["policies"]] == ["quick"], "the policy is gone")
    refused(site, "slow", "PolicyNotFound")
    assert site.view()["phase"] == "Canary" and site.share("2") == 20
    site.steer("fraud", "promote", full=True)
    site.at_rest(2)


@pytest.mark.parametrize("query, says", [
    ("vector(0) / 0", "NaN"), ('label_replace(vector(1), "a", "1", "", "") or label_replace(vector(2), "a", "2", "", "")', "2 series, not one"),
    ("absent(up)", "0 series, not one"), ('"many"', "a string, not a number"), ("up[1m]", "a matrix, not a number"), ("vector(1) / 0", "an infinity")],
    ids=["NaN", "several series", "no series", "a string", "a range", "infinite"])
def test_a_query_without_a_number_is_no_evidence(site, query, says):
    gates = f"""  promql:
    - {{ name: mine, query: '{query}', max: 1 }}
min_requests"""
    text = (site.folder / "policies/quick.yaml").read_text().replace("quick", "odd").replace("min_requests", gates, 1)
    site.policy("odd", text)
    site.start()
    names = {p["name"] for p in site.ask("GET", "/v1/policies").body["policies"]}
    assert "odd" in names, site.daemon.log_text()
    site.serving(1)
    site.load()
    site.change(version=2, policy="odd")

    def told():
        status, reason, message = site.condition("Healthy") or ("", "", "")
        return site.view()["phase"] == "Canary" and (status, reason) == ("Unknown", "NoEvidence") and says in message
    wait_until(told, "no evidence, and why", site.explain)
    wait_until(lambda: [e for e in site.events("Verdict") if says in e["message"]], "an Event", lambda: [e["message"] for e in site.events()])
    assert site.view()["verdict"]["gate"] == "mine" and site.share("1") > 0
    site.steer("fraud", "abort")
    site.wait("it is back", phase="RolledBack", stable="1")


def test_a_clock_that_jumps_is_no_evidence(site):
    site.prometheus.start()
    clock = Skewed(site.prometheus.url)
    site.prometheus.url = clock.url
    try:
        site.rolloutd().start()
        site.serving(1)
        site.load()
        site.begin(2)
        wait_until(lambda: site.condition("Healthy")[0] == "True", "it is judged", site.explain)
        for off_s in (7200, -7200):
            clock.off_s = off_s
            wait_until(lambda: site.condition("Healthy")[0:2] == ("Unknown", "NoEvidence") and "clock is" in site.condition("Healthy")[2], "it is told", site.explain)
            assert site.view()["phase"] == "Canary" and site.share("2") == 20
            clock.off_s = 0
            wait_until(lambda: site.condition("Healthy")[0] == "True", "it is judged again", site.explain)
        assert [e for e in site.events("Verdict") if "clock is" in e["message"]]
        site.steer("fraud", "abort")
        site.wait("it is back", phase="RolledBack", stable="1")
    finally:
        clock.close()


def test_a_token_of_the_registry_that_ends_is_told_and_what_serves_goes_on(site):
    registry, admin = site.registry.daemon, site.registry.token("admin")
    made = registry.http("POST", "/v1/tokens", token=admin, json={"name": f"brief-{site.model}", "role": "reader"})
    (site.folder / "brief").write_text(made.body["token"] + "\n")
    site.start("--registry-token-file", site.folder / "brief")
    site.serving(1)
    load = site.load()
    assert registry.http("DELETE", f"/v1/tokens/brief-{site.model}", token=admin).status == 204
    wait_until(lambda: registry.http("GET", "/v1/whoami", token=made.body["token"]).status == 401, "it is refused")
    site.change(version=2)
    refused(site, "", "RegistryUnavailable")
    assert site.share("1") == 100 and load.stop() == []


def test_what_the_cluster_does_not_allow_is_told_and_goes_on_when_it_does(site):
    patient = (site.folder / "policies/quick.yaml").read_text().replace("quick", "patient").replace("start_deadline: 30s", "start_deadline: 5m")
    site.policy("patient", patient)
    site.start()
    site.serving(1)
    load = site.load()
    path, full = site.path("one", "resourcequotas", "v1"), {"count/deployments.apps": "1"}
    site.api("POST", site.path(None, "resourcequotas", "v1"), {"metadata": {"name": "one"}, "spec": {"hard": full}})
    site.api.patch(path + "/status", {"status": {"hard": full, "used": full}})
    site.change(version=2, policy="patient")
    wait_until(lambda: (site.condition("Stalled") or [""])[0:2] == ("True", "Forbidden"), "it says so", site.explain)
    assert "exceeded quota" in site.condition("Stalled")[2] and "exceeded quota" in site.status()["message"]
    wait_until(lambda: site.events("Forbidden"), "an Event")
    assert site.share("1") == 100 and site.view()["phase"] == "Pending"
    site.api("DELETE", path)
    site.at_rest(2, patience_s=90)
    assert site.condition("Stalled")[0] == "False" and load.stop() == []


def test_a_record_that_cannot_be_read_is_told_and_loses_nothing(site):
    site.start()
    site.serving(1)
    site.load()
    site.change(version=2)
    site.at_rest(2)
    site.daemon.stop()
    good = site.status()
    write = lambda record: site.api.patch(site.path() + "/status", {"status": {"record": record}})
    write("{ edited by hand")
    site.daemon.start()
    refused(site, "cannot be understood", "RecordUnreadable")
    status = site.status()
    assert status["record"] == "{ edited by hand" and "what serves is left as it is" in status["message"]
    assert (status["stable"], status["window"], status["history"]) == (good["stable"], good["window"], good["history"])
    site.change(version=3)
    write(good["record"])
    site.at_rest(3)
    wait_until(lambda: site.condition("SpecAccepted")[0] == "True", "it is accepted", site.explain)
    assert len(site.events("RecordUnreadable")) == 1
    assert [ev["number"] for ev in site.history()] == sorted(ev["number"] for ev in site.history()), "it goes on counting"


def test_without_its_record_it_begins_with_what_is_declared(site):
    site.start()
    site.serving(1)
    load = site.load()
    site.daemon.stop()
    site.api.patch(site.path() + "/status", {"status": {"record": "x"}})
    site.daemon.start()
    refused(site, "cannot be understood", "RecordUnreadable")
    site.api.patch(site.path() + "/status", {"status": {"record": None}})
    wait_until(lambda: site.condition("Complete")[0] == "True" and site.condition("SpecAccepted")[0] == "True", "it is taken up again", site.explain)
    assert site.share("1") == 100 and load.stop() == []


def test_a_clash_of_names_is_left_alone_and_told(site):
    """A Deployment of somebody else's has the name that a release needs."""
    container = {"name": "x", "image": "nobody:knows"}
    labels = {"app": "theirs"}
    path = site.path(None, "deployments", "apps/v1")
    site.api("POST", path, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "fraud-v2"}, "spec": {
        "replicas": 0, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}}})
    site.start()
    site.serving(1)
    site.change(version=2)
    wait_until(lambda: "fraud-v2" in site.explain() and site.view()["phase"] in ("Pending", "RolledBack"), "it is told", site.explain)
    assert site.api.get(f"{path}/fraud-v2")["spec"]["template"]["spec"]["containers"][0]["image"] == "nobody:knows"
    assert site.share("1") == 100
