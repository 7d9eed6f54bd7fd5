"""Leader election on a real Lease: one leader at a time, and always one after a while."""
import itertools
import json
import os
import signal

import pytest

from waiting import wait_until
from faultproxy import status

TIMES = (3000, 2000, 400)  # lease, renew, retry: short, in the proportions of the defaults


def contend(tool, namespace, identity):
    return tool.start("lease", namespace, "leader", identity, *TIMES)


def leads(child):
    return any("leading" in line for line in child.lines())


def acts(child):
    return [line["acts"] for line in child.lines() if "acts" in line]


def epochs(child):
    return {line["epoch"] for line in child.lines() if "acts" in line}


def assert_one_at_a_time(*children):
    """All acts, in order of time, of all contenders: who has given way to a later epoch never acts again."""
    every = sorted((line["acts"], line["epoch"], i) for i, c in enumerate(children) for line in c.lines() if "acts" in line)
    for (_, epoch, who), (_, next_epoch, next_who) in itertools.pairwise(every):
        assert next_epoch >= epoch, "an older leader acted after a newer one"
        assert who == next_who or next_epoch > epoch, "two leaders in one epoch"


def test_the_first_leads_and_the_second_takes_over_when_it_leaves(tool, namespace, kubectl):
    a = contend(tool, namespace, "a")
    a.until(lambda _: leads(a))
    b = contend(tool, namespace, "b")
    a.until(lambda _: len(acts(a)) > 20)
    assert not leads(b)
    assert a.stop() == 0
    assert a.lines()[-1] == {"released": True}
    b.until(lambda _: acts(b))
    assert_one_at_a_time(a, b)
    lease = json.loads(kubectl("get", "lease", "-n", namespace, "leader", "-o", "json"))["spec"]
    assert (lease["holderIdentity"], lease["leaseDurationSeconds"]) == ("b", 3)
    assert epochs(b) == {lease["leaseTransitions"]} and epochs(a) < {min(epochs(a)), max(epochs(b))}


def test_a_stopped_leader_is_replaced_and_never_acts_again(tool, namespace):
    a = contend(tool, namespace, "a")
    a.until(lambda _: acts(a))
    b = contend(tool, namespace, "b")
    os.kill(a.process.pid, signal.SIGSTOP)
    b.until(lambda _: acts(b))
    os.kill(a.process.pid, signal.SIGCONT)
    assert a.process.wait(20) == 3
    b.until(lambda _: len(acts(b)) > 20)
    assert_one_at_a_time(a, b)


def test_a_killed_leader_is_replaced(tool, namespace):
    a = contend(tool, namespace, "a")
    a.until(lambda _: acts(a))
    b = contend(tool, namespace, "b")
    a.process.kill()
    b.until(lambda _: acts(b))
    assert_one_at_a_time(a, b)


@pytest.mark.parametrize("fault", [{"hang": True}, {"drop": True}, {"status": 500}], ids=["silence", "cuts", "errors"])
def test_a_leader_that_cannot_renew_ends_before_another_begins(via_proxy, proxy, tool, namespace, fault):
    a = contend(via_proxy, namespace, "a")
    a.until(lambda _: acts(a))
    b = contend(tool, namespace, "b")
    for method in ("GET", "PUT"):
        proxy.add(method=method, path="leases", times=None, **fault)
    assert a.process.wait(20) == 3
    b.until(lambda _: len(acts(b)) > 5)
    assert max(acts(a)) < min(acts(b))


def test_a_leader_survives_faults_shorter_than_its_deadline(via_proxy, proxy, namespace):
    a = contend(via_proxy, namespace, "a")
    a.until(lambda _: acts(a))
    proxy.add(method="PUT", path="leases", status=409, body=status(409, "Conflict"))
    proxy.add(method="PUT", path="leases", drop=True)
    proxy.add(method="PUT", path="leases", times=1, after=True, status=500)  # written, but the answer is lost
    proxy.add(method="GET", path="leases", status=500)
    n = proxy.count("PUT")
    wait_until(lambda: proxy.count("PUT") > n + 8, "renewals", a.lines)
    assert a.process.poll() is None and epochs(a) == {0}


def test_an_expired_lease_with_the_holders_clock_in_the_future_is_taken(tool, kubectl, namespace):
    body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "leader", "labels": {"keep": "me"}},
            "spec": {"holderIdentity": "dead", "leaseDurationSeconds": 2, "leaseTransitions": 7,
                     "acquireTime": "2999-01-01T00:00:00.000000Z", "renewTime": "2999-01-01T00:00:00.000000Z"}}
    kubectl("create", "-n", namespace, "-f", "-", stdin=json.dumps(body))
    a = contend(tool, namespace, "a")
    a.until(lambda _: acts(a))
    assert epochs(a) == {8}
    assert json.loads(kubectl("get", "lease", "-n", namespace, "leader", "-o", "json"))["metadata"]["labels"] == {"keep": "me"}


def test_a_leader_whose_lease_is_taken_by_force_ends(tool, kubectl, namespace):
    a = contend(tool, namespace, "a")
    a.until(lambda _: acts(a))
    kubectl("patch", "lease", "-n", namespace, "leader", "--type=merge", "-p",
            json.dumps({"spec": {"holderIdentity": "other", "leaseTransitions": 9, "leaseDurationSeconds": 3}}))
    assert a.process.wait(20) == 3


def test_three_contenders_always_have_a_leader_again(tool, namespace):
    living = [contend(tool, namespace, name) for name in "abc"]
    every = list(living)
    while living:
        leader = wait_until(lambda: next((c for c in living if acts(c)), None), "a leader", lambda: [c.lines()[-3:] for c in every])
        leader.stop()
        living.remove(leader)
    assert_one_at_a_time(*every)
