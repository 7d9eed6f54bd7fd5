"""Running rolloutd: it hands over when it is asked to stop, says what it does, and logs what it did."""

import time

from waiting import wait_until

LEASE_S = 10  # of the tests' rolloutds


def metrics(daemon, site):
    """{"name{labels}": value}"""
    r = daemon.http("GET", "/metrics", token=site.registry.token("admin"))
    assert r.status == 200, r
    lines = [line.rsplit(" ", 1) for line in r.body.decode().splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def leads(daemon, site):
    return metrics(daemon, site)["rolloutd_leader"] == 1


def decisions(site, target):
    """Oldest first."""
    return site.registry.get(f"/v1/decisions?target={target}&limit=1000")["decisions"][::-1]


def test_a_leader_that_is_stopped_hands_over_at_once(site):
    first = site.start()
    second = site.rolloutd().start()
    site.serving(1)
    assert leads(first, site) and not leads(second, site)
    site.change(version=2, policy="slow")
    site.wait("it has traffic", asked=20)
    load = site.load()
    began = time.monotonic()
    first.stop()
    wait_until(lambda: leads(second, site), "the second leads", second.log_text, every_s=0.02)
    took = time.monotonic() - began
    print(f"handed over in {took:.2f} s")
    assert took < LEASE_S / 2, "the lease was given away, not waited for"
    assert "the lease is free" in first.log_text()
    site.daemons.reverse()
    site.steer("fraud", "promote", full=True)
    site.at_rest(2)
    assert load.stop() == []
    epochs = [d["epoch"] for d in decisions(site, f"{site.namespace}.fraud")]
    assert epochs == sorted(epochs) and len(set(epochs)) == 2, "each decision tells under which leader it was made"


def test_a_target_is_found_by_its_name_alone_while_it_is_the_only_one(site):
    site.start()
    site.serving(1)
    r = site.ask("GET", "/v1/rollouts/fraud")
    assert r.status == 200 and r.body["target"] == f"{site.namespace}.fraud"
    assert r.body["running"] == [{"release": "1", "wanted": 1, "ready": 1, "weight": 100, "failed": False, "message": ""}]
    assert r.body["router"] == "ok"
    assert site.ask("GET", "/v1/rollouts/credit").status == 404


def test_everything_that_is_decided_is_logged(site):
    site.start()
    site.serving(1)
    target = f"{site.namespace}.fraud"
    wait_until(lambda: [d["event"] for d in decisions(site, target)] == site.history(), "the log says what the history says",
               lambda: f"{decisions(site, target)}\n{site.history()}")
    assert {d["model"] for d in decisions(site, target)} == {site.model}


def test_metrics_tell_what_is_asked_of_the_api_server(site):
    daemon = site.start()
    site.serving(1)
    m = metrics(daemon, site)
    assert m['rolloutd_kube_requests_total{verb="create",resource="deployments",code="201"}'] >= 1 or \
        m['rolloutd_kube_requests_total{verb="apply",resource="deployments",code="201"}'] >= 1
    assert m['rolloutd_kube_request_seconds_count{verb="json-patch",resource="modelrollouts"}'] >= 1
    assert all(m[f'rolloutd_kube_mirror_lists_total{{resource="{r}"}}'] == 1 for r in ("modelrollouts", "deployments", "endpointslices",
                                                                                      "httproutes"))
    assert m["rolloutd_leader"] == 1 and m['rolloutd_targets{phase="DONE"}'] == 1
    assert not any("target=" in name for name in m), "at rest no target has series of its own"
