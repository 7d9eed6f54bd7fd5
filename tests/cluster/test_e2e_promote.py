"""What goes forward: releases promoted step by step on a real API server with pods and a gateway, without a failed request."""
import json

from waiting import wait_until


def test_a_first_version_goes_straight_to_all_traffic(site):
    site.start()
    status = site.serving(1)
    assert status["observedGeneration"] == site.rollout()["metadata"]["generation"]
    assert site.share("1") == 100
    wait_until(lambda: site.condition("Ready")[0] == "True", "it is ready", site.explain)
    load = site.load()
    wait_until(lambda: load.versions["1"] > 20, "answers")
    assert load.stop() == []


def test_a_good_version_is_promoted_step_by_step(site):
    site.start()
    site.serving(1)
    load = site.load()
    wait_until(lambda: load.versions["1"] > 5, "answers")
    site.change(version=2)
    for weight in (5, 25):
        site.wait(f"{weight} %", asked=weight, phase="Canary")
        wait_until(lambda: abs(site.share("2") - weight) < 0.01, "the route has it", site.explain)
    site.kubectl("wait", "modelrollout/fraud", "-n", site.namespace, "--for=condition=Complete", "--timeout=40s")
    done = site.at_rest(2)
    assert site.share("2") == 100 and load.stop() == []
    assert done["observedGeneration"] == site.rollout()["metadata"]["generation"]
    assert site.rows("promoting.stands")[-4:] == ["canary.passed", "canary.passed", "canary.passed-last", "promoting.stands"]
    told = wait_until(lambda: (lambda r: {"Started", "Weight", "Done"} <= r and r)({e["reason"] for e in site.events()}), "Events")
    assert not {"RollingBack", "GivenUp"} & told
    table = site.kubectl("get", "mr", "-n", site.namespace)
    assert "Done" in table and "fraud" in table


def test_another_template_is_another_release(site):
    """A ConfigMap changed together with the template is 1.1: rolled out, and judged, as a model is."""
    core = f"/api/v1/namespaces/{site.namespace}"
    for name, value in (("settings-a", "a"), ("settings-b", "b")):
        site.api("POST", f"{core}/configmaps", {"metadata": {"name": name}, "data": {"VARIANT": value}})

    def template(name):
        return site.template(envFrom=[{"configMapRef": {"name": name}}])

    site.start()
    site.serving(1, template=template("settings-a"))
    load = site.load()
    site.change(template=template("settings-b"))
    site.wait("1.1 is the candidate", candidate="1.1")
    site.at_rest("1.1")
    assert site.share("1.1") == 100 and load.stop() == []
    # What the release was given is its own: nobody can change it any more.
    copy = site.api.get(f"{core}/configmaps/fraud-v1-1-settings-b")
    assert copy["immutable"] and copy["data"] == {"VARIANT": "b"}
    site.api.patch(f"{core}/configmaps/settings-b", {"data": {"VARIANT": "c"}})
    assert site.api.get(f"{core}/configmaps/fraud-v1-1-settings-b")["data"] == {"VARIANT": "b"}


def test_a_moved_alias_is_followed(site):
    alias = f"/v1/models/{site.model}/aliases/champion"
    assert site.registry("PUT", alias, json={"version": 1}).status == 201
    site.start()
    site.create(version=None, alias="champion")
    site.at_rest(1)
    site.load()
    assert site.registry("PUT", alias, json={"version": 2}).status == 200
    site.at_rest(2)


def test_a_digest_names_a_version(site):
    digest = site.registry.get(f"/v1/models/{site.model}/versions/2")["digest"]
    site.start()
    site.create(version=None, digest=digest)
    site.at_rest(2)


def test_a_new_version_mid_rollout_takes_the_place_of_the_candidate(site):
    site.start()
    site.serving(1)
    load = site.load()
    site.begin(2)
    site.change(version=3, policy="quick")
    site.wait("3 is the candidate", candidate="3")
    assert site.share("2") == 0
    site.at_rest(3)
    assert load.stop() == []


def test_ctl_steers_a_rollout(site):
    site.start()
    site.serving(1)
    load = site.load()
    site.begin(2)
    name = f"{site.namespace}.fraud"
    assert "fraud" in site.ctl("rollout", "status").stdout
    site.ctl("rollout", "pause", "fraud")
    site.wait("paused", paused=lambda _: site.condition("Paused")[0] == "True")
    # 5: what was asked before is still being saved.
    wait_until(lambda: site.ctl("rollout", "resume", name, expect=None).returncode != 5, "it is asked", site.explain)
    wait_until(lambda: site.condition("Paused")[0] == "False", "resumed")
    site.ctl("rollout", "abort", name, "--reason", "second thoughts")  # never waits
    site.wait("it is back", phase="RolledBack", stable="1")
    assert site.share("2") == 0
    wait_until(lambda: site.ctl("rollout", "retry", name, expect=None).returncode != 5, "it is asked", site.explain)
    site.wait("once more", candidate="2")
    wait_until(lambda: site.ctl("rollout", "promote", name, "--full", expect=None).returncode == 0
               or site.view()["phase"] in ("Promoting", "Done"), "it is promoted", site.explain)
    site.at_rest(2)
    assert load.stop() == []
    assert "second thoughts" in json.dumps(site.history())


def test_paused_in_the_spec_holds_until_it_is_taken_away(site):
    site.start()
    site.serving(1)
    site.load()
    site.change(version=2, paused=True)
    wait_until(lambda: site.condition("Paused")[0] == "True", "paused", site.explain)
    assert site.view()["phase"] in ("Pending", "Canary")
    site.change(paused=False)
    site.at_rest(2)


def test_blue_green_switches_at_once_and_back(site):
    site.start()
    strategy = {"blueGreen": {"previewHold": "1s", "bake": "2s", "autoSwitch": False}}
    site.serving(1, strategy=strategy)
    load = site.load()
    site.change(version=2)
    site.wait("2 waits for a person", candidate="2", phase="Canary")
    assert site.share("2") == 0, "nothing of the traffic before the switch"
    preview = site.api.get(f"/api/v1/namespaces/{site.namespace}/services/fraud-preview")
    assert preview["spec"]["selector"]["sluice.dev/release"] == "2"
    wait_until(lambda: site.ask("POST", f"/v1/rollouts/{site.namespace}.fraud/promote", json={}).status == 202, "switched", site.explain)
    wait_until(lambda: site.share("2") == 100, "all at once", site.explain)
    site.at_rest(2)
    site.steer("fraud", "rollback")
    assert site.share("1") == 100
    site.wait("it is back", stable="1", phase="RolledBack")
    assert load.stop() == []


def test_shares_may_be_as_small_as_a_hundredth_of_a_percent(site):
    site.start()
    site.serving(1)
    site.change(version=2, strategy={"canary": {"steps": [{"weight": 0.01, "hold": "1m"}, {"weight": 100, "hold": "1s"}]}})
    site.wait("2 is the candidate", candidate="2")
    wait_until(lambda: site.ask("POST", f"/v1/rollouts/{site.namespace}.fraud/promote", json={}).status == 202, "begun", site.explain)
    wait_until(lambda: abs(site.share("2") - 0.01) < 1e-6, "0.01 %", site.explain)


def test_replicas_change_without_a_new_release(site):
    site.start()
    site.serving(1)
    site.change(replicas=3)
    wait_until(lambda: (site.status().get("stable") or {}).get("ready") == 3, "three are ready", site.explain)
    assert site.view()["stable"] == "1"
    site.change(replicas=1)
    wait_until(lambda: len(site.pods("1")) == 1, "one is left", site.explain)


def test_an_autoscaler_has_a_floor_that_capacity_is_made_by(site):
    metrics = [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}]
    site.start()
    site.create(replicas=None, autoscaling={"minReplicas": 2, "maxReplicas": 4, "metrics": metrics})
    site.at_rest(1)
    scaler = site.api.get(site.path("fraud-v1", "horizontalpodautoscalers", "autoscaling/v1"))
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (2, 4)
    assert (site.status()["stable"]["replicas"], site.status()["stable"]["ready"]) == (2, 2)
    site.load()
    site.change(version=2)
    site.at_rest(2)
    assert site.api.get(site.path("fraud-v2", "horizontalpodautoscalers", "autoscaling/v1"))["spec"]["minReplicas"] >= 2


def test_what_was_promoted_is_never_re_rolled(site):
    site.start()
    site.serving(1)
    site.load()
    site.change(version=2)
    site.wait("2 has traffic", phase="Canary")
    before = {p["metadata"]["uid"] for p in site.pods("2")}
    site.at_rest(2)
    assert {p["metadata"]["uid"] for p in site.pods("2")} == before
    assert site.pods("1"), "the old version stays warm for the window"
