"""The API server itself is gone for longer than rolloutd's lease lasts, in the middle of a breach."""
import pytest

from waiting import wait_until


@pytest.mark.alone
def test_a_breach_while_the_api_server_is_gone_for_longer_than_the_lease(site):
    site.start()
    site.serving(1)
    load = site.load(rate=100)
    site.begin(2)
    site.wait("2 is judged", verdict=lambda v: v and v["state"] == "healthy")
    site.cluster.stop_apiserver()
    try:
        site.behave(2, errors=1)
        wait_until(lambda: load.failed["2"] > 30, "errors")
        assert site.daemon.wait(60) != 0, "nobody knows any more who leads, so it ends"
        direct = site.ctl("rollback", f"{site.namespace}.fraud", "--to", "1", expect=None)
        assert direct.returncode != 0 and "kubectl" in direct.stdout + direct.stderr, "what to do is printed for later"
        site.daemon.launch()  # as its kubelet does
    finally:
        site.cluster.start_apiserver()
    wait_until(lambda: site.share("2") == 0, "it goes back as soon as it can", site.daemon.log_text, patience_s=45)
    site.wait("it is back", phase="RolledBack", stable="1")
    asked, since = load.asked("2"), load.snapshot()
    wait_until(lambda: sum((load.snapshot() - since).values()) > 200, "more answers")
    assert load.asked("2") - asked <= len(load.threads), "no more requests of the bad one"
