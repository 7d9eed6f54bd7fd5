"""registryd: decisions of rolloutds are added once, read in pages, and kept for ever."""

import pytest

from registry import ROLES
from test_registryd_api import refused

AT = "2026-03-04T05:06:07.%03dZ"


def event(number, at=AT % 0, **rest):
    return {"number": number, "rollout_id": 1, "at": at, "kind": "weight", "row": "CANARY.passed", "from": "CANARY", "to": "CANARY",
            "stable": 1, "candidate": 2, "weight": 25, "why": "passed", "actor": "", "verdict": None, **rest}


def decision(target, number, model="credit", **rest):
    return {"target": target, "model": model, "epoch": 3, "reason": "", "event": event(number, **rest)}


def add(registry, region, *decisions, role="admin"):
    return registry("POST", "/v1/decisions", json={"region": region, "decisions": list(decisions)}, role=role)


def test_a_batch_is_added_once_and_read_as_it_was_sent(registry):
    sent = [decision("prod.once", 1, verdict={"state": "breach", "numbers": {"p": 0.001}}), decision("prod.once", 2)]
    assert add(registry, "eu-1", *sent).body == {"added": 2, "known": 0}
    assert add(registry, "eu-1", *sent, decision("prod.once", 3)).body == {"added": 1, "known": 2}
    got = registry.get("/v1/decisions?target=prod.once")
    assert [d["event"]["number"] for d in got["decisions"]] == [3, 2, 1] and got["next"] is None
    first = got["decisions"][-1]
    assert first["event"] == sent[0]["event"] and first["epoch"] == 3 and first["region"] == "eu-1"
    assert first["received_by"] == "admin" and first["id"] < got["decisions"][0]["id"]


def test_the_same_target_in_another_region_or_made_again_is_another(registry):
    for body in ([("eu-1", AT % 0)], [("us-1", AT % 0)], [("eu-1", AT % 1)]):
        for region, at in body:
            assert add(registry, region, decision("prod.twins", 1, at=at)).body == {"added": 1, "known": 0}
    assert len(registry.get("/v1/decisions?target=prod.twins")["decisions"]) == 3
    assert len(registry.get("/v1/decisions?target=prod.twins&region=us-1")["decisions"]) == 1


def test_a_list_is_selected_and_paged_newest_first(registry):
    for n in range(1, 8):
        add(registry, "eu-1", decision("prod.paged", n, model="paged"), decision("test.paged", n, model="paged"))
    got, after = [], ""
    while after is not None:
        page = registry.get(f"/v1/decisions?model=paged&limit=4{after and f'&after={after}'}")
        assert len(page["decisions"]) <= 4
        got += page["decisions"]
        after = page["next"]
    assert [d["event"]["number"] for d in got] == [n for n in range(7, 0, -1) for _ in range(2)]
    assert len(registry.get("/v1/decisions?model=paged&target=test.paged")["decisions"]) == 7
    assert registry.get("/v1/decisions?model=other&target=test.paged") == {"decisions": [], "next": None}


@pytest.mark.parametrize("query", ["target=a/b", "model=A", "region=-", "limit=0", "limit=1001", "after=x", "after=0"])
def test_a_bad_question_is_refused(registry, query):
    assert registry("GET", f"/v1/decisions?{query}").status == 400


@pytest.mark.parametrize("body, words", [
    ({"region": "eu-1"}, "decisions"),
    ({"region": "eu-1", "decisions": []}, "1 to 500"),
    ({"region": "eu-1", "decisions": [decision("a", 1)] * 501}, "1 to 500"),
    ({"region": "EU", "decisions": [decision("a", 1)]}, "region name"),
    ({"region": "eu-1", "decisions": {"a": 1}}, "list"),
    ({"region": "eu-1", "decisions": [decision("a", 0)]}, "from 1 up"),
    ({"region": "eu-1", "decisions": [decision("A", 1)]}, "target name"),
    ({"region": "eu-1", "decisions": [decision("a", 1, at="yesterday")]}, "yesterday"),
    ({"region": "eu-1", "decisions": [decision("a", 1, why="x" * 9000)]}, "8192"),
    ({"region": "eu-1", "decisions": [{**decision("a", 1), "colour": "red"}]}, "colour"),
    ({"region": "eu-1", "decisions": [{**decision("a", 1), "event": {"number": 1}}]}, "at"),
    ({"region": "eu-1", "decisions": [decision("a", 1), {**decision("a", 2), "event": None}]}, "object"),
], ids=range(12))
def test_a_bad_batch_is_refused_whole(registry, body, words):
    assert refused(registry("POST", "/v1/decisions", json=body), 400, "INVALID", words)
    assert registry.get("/v1/decisions?target=a")["decisions"] == []


@pytest.mark.parametrize("role", ROLES)
def test_only_an_admin_adds_and_everybody_reads(registry, role):
    status = add(registry, "eu-1", decision(f"by.{role}", 1), role=role).status
    assert status == (200 if role == "admin" else 403)
    assert registry("GET", "/v1/decisions", role=role).status == 200


@pytest.mark.parametrize("change", ["UPDATE registry.decision SET reason = 'another'", "DELETE FROM registry.decision",
                                    "TRUNCATE registry.decision",
                                    "SET session_replication_role = replica; DELETE FROM registry.decision"])
def test_the_database_itself_refuses_a_change(postgres, registry, change):
    add(registry, "eu-1", decision("prod.kept", 1))
    with pytest.raises(AssertionError) as failed:
        postgres.psql(registry.db, change)
    assert "kept as they are" in str(failed.value)
    assert len(registry.get("/v1/decisions?target=prod.kept")["decisions"]) == 1
