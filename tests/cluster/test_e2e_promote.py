"""A good version goes to all traffic step by step, on a real API server with pods and a gateway, and no request fails."""


def test_a_first_version_goes_straight_to_all_traffic(site):
    site.start()
    status = site.serving(1)
    assert status["observedGeneration"] == site.rollout()["metadata"]["generation"]
    assert site.share("1") == 100
    assert site.condition("Ready")[0] == "True"


def test_a_good_version_is_promoted_step_by_step(site):
    site.start()
    site.serving(1)
    load = site.load()
    site.change(version=2)
    for weight in (5, 25):
        site.wait(f"{weight} %", asked=weight)
    site.at_rest(2)
    assert site.share("2") == 100 and load.stop() == []
