"""The rights that the chart grants against the calls that the whole cluster suite made, from the API server's audit log.

`make test-cluster` runs it at its end: SLUICE_AUDIT_LOG names the log. None of the calls may have been denied, and no right may be there that
nothing used.
"""
import datetime
import json
import os
import pathlib
import re
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).parents[1] / "chart"))
from chart import LEAST, objects, pick  # noqa: E402

NAMESPACE = "sluice-system"
LEAVING = datetime.timedelta(seconds=5)
ACCOUNTS = {
    "rolloutd": (r"sluice-rolloutd$", [("ClusterRole", f"{NAMESPACE}-sluice-rolloutd"), ("Role", "sluice-rolloutd-leader")]),
    "oncall": (r"oncall$", [("ClusterRole", "sluice-oncall")]),
}
# Granted and not used, on purpose: (verb, group, resource) and why.
SPARE = {
    "rolloutd": {},
    "oncall": {},
}
# Denied, and nothing is wrong with it.
DENIED = {
    "rolloutd": {("get", "gateway.networking.k8s.io", "gatewayclasses"): "an installation for one namespace does without"},
    "oncall": {},
}


def granted(roles):
    found = objects(LEAST, namespace=NAMESPACE)
    return {(verb, group, resource) for kind, name in roles for rule in pick(found, kind, name)["rules"]
            for verb in rule["verbs"] for group in rule["apiGroups"] for resource in rule["resources"]}


def calls(account):
    """{(verb, group, resource): {decision: an example}} of all that these accounts asked for."""
    seen, denials, last = {}, [], {}
    with open(os.environ["SLUICE_AUDIT_LOG"]) as f:
        for line in f:
            event = json.loads(line)
            where, user = event.get("objectRef"), event["user"]["username"]
            if not where or not re.search(account, user):
                continue
            resource = where["resource"] + (f"/{where['subresource']}" if where.get("subresource") else "")
            call = (event["verb"], where.get("apiGroup", ""), resource)
            at = datetime.datetime.fromisoformat(event["stageTimestamp"].replace("Z", "+00:00"))
            if event["annotations"]["authorization.k8s.io/decision"] == "allow":
                last[user] = max(at, last.get(user, at))
                seen.setdefault(call, {})["allow"] = event["requestURI"]
            else:
                denials.append((user, at, call, event["requestURI"]))
    for user, at, call, uri in denials:
        # helm uninstall takes an account's rights away before its pods have gone: then nothing is allowed any more.
        if at + LEAVING < last.get(user, at):
            seen.setdefault(call, {})["forbid"] = uri
    return seen


@pytest.mark.parametrize("who", ACCOUNTS)
def test_nothing_that_is_needed_is_denied(who):
    seen = calls(ACCOUNTS[who][0])
    assert seen, "the suite made no call as this account"
    denied = {call: d["forbid"] for call, d in seen.items() if "forbid" in d and call not in DENIED[who]}
    assert not denied


@pytest.mark.parametrize("who", ACCOUNTS)
def test_nothing_is_granted_that_is_not_needed(who):
    account, roles = ACCOUNTS[who]
    rights, used = granted(roles), set(calls(account))
    assert not rights - used - SPARE[who].keys(), "granted, and nothing used it"
    assert not SPARE[who].keys() - rights, "an exception for what is not granted"
    assert not SPARE[who].keys() & used, "an exception for what is used"
