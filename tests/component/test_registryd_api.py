"""registryd: models, versions, aliases, tokens and roles, through the API only."""

import concurrent.futures
import hashlib
import json
import re

import pytest

from registry import ROLES, digest_of
from sluice import wait_until

RFC3339 = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


def refused(reply, status, title, words):
    assert reply.status == status, reply
    assert reply.headers.get_content_type() == "application/problem+json"
    assert reply.body["title"] == title and reply.body["status"] == status
    assert words in reply.body["detail"], reply.body["detail"]
    return True


def canonical_digest(files, metadata):
    """As docs/api.md has it, written a second time."""
    doc = {"files": sorted(files, key=lambda f: f["path"].encode()), "metadata": metadata}
    return digest_of(json.dumps(doc, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


# --- models


def test_a_model_is_made_once(registry):
    r = registry("POST", "/v1/models", json={"name": "credit", "description": "who pays back"}, role="writer")
    assert r.status == 201 and r.headers["Location"] == "/v1/models/credit"
    created_at = r.body.pop("created_at")
    assert RFC3339.match(created_at)
    assert r.body == {"name": "credit", "description": "who pays back", "created_by": "a-writer", "versions": 0, "latest": None,
                      "aliases": {}}
    assert registry.get("/v1/models/credit") == {**r.body, "created_at": created_at}
    assert refused(registry("POST", "/v1/models", json={"name": "credit"}), 409, "CONFLICT", '"credit" exists')


@pytest.mark.parametrize("name", ["", "Credit", "a b", "-a", "a-", "a..b", "a/b", "x" * 65, "ü", "a\n"])
def test_a_bad_name_is_refused(registry, name):
    assert refused(registry("POST", "/v1/models", json={"name": name}), 400, "INVALID", "model name")


@pytest.mark.parametrize("body, words", [
    (b"", "body"),
    (b"{", "line 1"),
    (b"[]", "object"),
    (b'{"name":"m1","name":"m2"}', "duplicate"),
    (b'{"name":"m1","colour":"red"}', "colour"),
    (b'{"name":7}', "string"),
    (b'{"description":"no name"}', "name"),
    (b'{"name":"m1","description":null}', "string"),
    (b'{"name":"m1"} {}', "end of file"),
    (b'{"name":"m\xff"}', "0xff"),
    (b'{"name":"m1","description":"bell \\u0007"}', "control"),
    (b'{"name":"m1","description":"nul \\u0000"}', "u0000"),
    (b'{"name":"m1","description":"' + b"x" * 4097 + b'"}', "4096"),
    (b"[" * 10000, "nested over 64"),
], ids=range(14))
def test_a_bad_body_is_refused(registry, body, words):
    assert refused(registry("POST", "/v1/models", body=body), 400, "INVALID", words)


def test_an_oversized_body_is_refused(registry):
    body = json.dumps({"name": "big", "description": "x" * 20000}).encode()
    assert refused(registry("POST", "/v1/models", body=body), 413, "TOO_LARGE", "16384")
    assert registry("GET", "/v1/models/big").status == 404


def test_models_are_listed_in_pages_by_name(registry):
    names = sorted(f"page{i}.{c}" for i in range(3) for c in "ab_-"[:2])
    for name in names:
        registry.model(name)
    got, after = [], "page"
    while after:
        r = registry.get(f"/v1/models?limit=4&after={after}")
        got += [m["name"] for m in r["models"]]
        after = r["next"]
    assert [n for n in got if n.startswith("page")] == names


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "limit=-1", "after=A%20B"])
def test_a_bad_page_is_refused(registry, query):
    assert registry("GET", f"/v1/models?{query}").status == 400


def test_what_is_not_there_is_not_found(registry):
    registry.model("bare")
    for path, words in [("/v1/models/nobody", '"nobody"'), ("/v1/models/nobody/versions", '"nobody"'),
                        ("/v1/models/nobody/versions/1", '"nobody"'), ("/v1/models/bare/versions/1", "no version 1"),
                        ("/v1/models/bare/versions/@live", 'no alias "live"'),
                        (f"/v1/models/bare/versions/sha256:{'0' * 64}", "no version with digest"), ("/v1/models/nobody/aliases", '"nobody"'),
                        ("/v1/models/bare/aliases/live", 'no alias "live"'), ("/v1/models/bare/aliases/live/history", "no alias"),
                        ("/v1/models/bare/versions/1/files/x", "no version 1"), ("/v2/", "nothing at")]:
        assert refused(registry("GET", path), 404, "NOT_FOUND", words)


# --- versions


def test_a_version_says_what_was_registered(registry):
    registry.model("v")
    files = registry.files(model_ubj=b"trees", notes_txt=b"better")
    metadata = {"scorer": {"file": "model.ubj"}, "auc": 0.91, "größe": [1, None, True]}
    r = registry("POST", "/v1/models/v/versions", json={"files": files[::-1], "metadata": metadata, "description": "first"},
                 role="writer")
    assert r.status == 201 and r.headers["Location"] == "/v1/models/v/versions/1"
    assert r.body["digest"] == canonical_digest(files, metadata)
    assert r.body["files"] == files and r.body["metadata"] == metadata  # sorted by path
    assert (r.body["model"], r.body["number"], r.body["size"], r.body["description"]) == ("v", 1, 11, "first")
    assert (r.body["created_by"], r.body["aliases"]) == ("a-writer", [])
    assert registry.get("/v1/models/v/versions/1") == r.body
    model = registry.get("/v1/models/v")
    assert (model["versions"], model["latest"]) == (1, 1)


def test_registering_again_gives_the_same_version(registry):
    registry.model("again")
    files = registry.files(model_ubj=b"one")
    first = registry.version("again", files, metadata={"a": 1, "b": 2}, description="first")
    r = registry("POST", "/v1/models/again/versions", json={"files": files, "metadata": {"b": 2, "a": 1}, "description": "other"})
    assert (r.status, r.body) == (200, first)
    assert registry.version("again", files, metadata={"a": 2})["number"] == 2
    registry.model("another")
    assert registry.version("another", files, metadata={"a": 1, "b": 2})["number"] == 1


def test_a_hundred_registrations_at_once_are_numbered_without_gaps(registry):
    registry.model("busy")
    files = registry.files(model_ubj=b"same file")
    same = {"files": files, "metadata": {"retry": True}}

    def register(i):
        # Every fourth one is a retry of the same manifest, and some cannot be registered at all.
        if i % 4 == 0:
            return registry("POST", "/v1/models/busy/versions", json=same)
        if i % 10 == 9:
            bad = [{**files[0], "size": 1}]
            assert registry("POST", "/v1/models/busy/versions", json={"files": bad}).status == 400
        return registry("POST", "/v1/models/busy/versions", json={"files": files, "metadata": {"i": i}})

    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        replies = list(pool.map(register, range(132)))
    assert all(r.status in (200, 201) for r in replies)
    created = sorted(r.body["number"] for r in replies if r.status == 201)
    assert created == list(range(1, 101))
    assert len({r.body["number"] for i, r in enumerate(replies) if i % 4 == 0}) == 1
    assert registry.get("/v1/models/busy")["versions"] == 100


def test_versions_are_listed_newest_first(registry):
    registry.model("list")
    files = registry.files(model_ubj=b"l")
    for i in range(5):
        registry.version("list", files, metadata={"i": i})
    page = registry.get("/v1/models/list/versions?limit=3")
    assert ([v["number"] for v in page["versions"]], page["next"]) == ([5, 4, 3], 3)
    page = registry.get("/v1/models/list/versions?limit=3&after=3")
    assert ([v["number"] for v in page["versions"]], page["next"]) == ([2, 1], None)
    assert registry.get("/v1/models/list/versions?after=1") == {"versions": [], "next": None}


def test_a_page_of_large_versions_ends_early_and_goes_on(registry):
    registry.model("large")
    data = registry.push(b"tiny")
    for v in range(12):
        registry.version("large", [{"path": f"{v}/{i}", "digest": data, "size": 4} for i in range(1000)])
    seen, after = [], 13
    while after:
        page = registry.get(f"/v1/models/large/versions?after={after}")
        assert 1 <= len(page["versions"]) <= 10
        assert all(len(v["files"]) == 1000 for v in page["versions"])
        seen += [v["number"] for v in page["versions"]]
        after = page["next"]
    assert seen == list(range(12, 0, -1))


def changed(**change):
    return lambda files: {"files": [{**files[0], **change}]}


@pytest.mark.parametrize("body, words", [
    (lambda f: {"files": []}, "1 to 1000"),
    (lambda f: {"files": {}}, "list"),
    (lambda f: {"metadata": {}}, "files"),
    (lambda f: {"files": f, "number": 7}, "number"),
    (lambda f: {"files": f, "metadata": []}, "metadata"),
    (lambda f: {"files": f, "metadata": {"x": "y" * 65536}}, "65536"),
    (lambda f: {"files": f, "description": 1}, "string"),
    (lambda f: {"files": f * 2}, "twice"),
    (lambda f: {"files": [f[0], {**f[0], "path": f[0]["path"] + "/x"}]}, "a file, and a folder"),
    (lambda f: {"files": [{**f[0], "path": f"p{i}"} for i in range(1001)]}, "1001"),
    (lambda f: {"files": [{**f[0], "mode": 7}]}, "mode"),
    (lambda f: {"files": ["model.ubj"]}, "object"),
    (changed(path="../up"), '".."'),
    (changed(path="/abs"), "empty part"),
    (changed(path="a//b"), "empty part"),
    (changed(path="a\\b"), "0x5c"),
    (changed(path=""), "1 to 512"),
    (changed(path="x" * 513), "1 to 512"),
    (changed(size=-1), "negative"),
    (changed(size=2), "has 3 bytes, not 2"),
    (changed(size="3"), "integer"),
    (changed(digest="sha256:" + "A" * 64), "lower-case"),
    (changed(digest="sha512:" + "0" * 64), "lower-case"),
    (changed(digest="sha256:" + "0" * 64), "push it first"),
])
def test_a_bad_manifest_is_refused(registry, body, words):
    if registry("GET", "/v1/models/strict").status == 404:
        registry.model("strict")
    files = registry.files(model_ubj=b"abc")
    assert refused(registry("POST", "/v1/models/strict/versions", json=body(files)), 400, "INVALID", words)
    assert registry.get("/v1/models/strict")["versions"] == 0


@pytest.mark.parametrize("ref", ["0", "-1", "01", "1.0", "x", "@", "@A", "99999999999", "latest"])
def test_a_bad_reference_is_refused(registry, ref):
    assert registry("GET", f"/v1/models/credit/versions/{ref}").status == 400


# --- aliases


@pytest.fixture(scope="module")
def aliased(registry):
    """A model with three versions."""
    registry.model("aliased")
    files = registry.files(model_ubj=b"a")
    for i in range(3):
        registry.version("aliased", files, metadata={"i": i})
    return lambda method, name, role="deployer", suffix="", **kw: registry(method, f"/v1/models/aliased/aliases/{name}{suffix}", role,
                                                                          **kw)


def test_an_alias_moves_and_remembers(registry, aliased):
    r = aliased("PUT", "champion", json={"version": 1, "reason": "first"})
    assert (r.status, r.headers["ETag"]) == (201, '"1"')
    assert RFC3339.match(r.body.pop("updated_at"))
    assert r.body == {"model": "aliased", "alias": "champion", "version": 1, "revision": 1, "updated_by": "a-deployer"}
    r = aliased("PUT", "champion", json={"version": 2})
    assert (r.status, r.headers["ETag"], r.body["version"], r.body["revision"]) == (200, '"2"', 2, 2)
    same = aliased("PUT", "champion", json={"version": 2, "reason": "nothing to do"})
    assert (same.status, same.body) == (200, r.body)
    got = aliased("GET", "champion", role="reader")
    assert (got.body, got.headers["ETag"]) == (r.body, '"2"')
    champion = registry.get("/v1/models/aliased/versions/@champion")
    assert champion["number"] == 2
    assert registry.get(f"/v1/models/aliased/versions/{champion['digest']}") == champion
    assert registry.get("/v1/models/aliased/versions/2")["aliases"] == ["champion"]
    assert registry.get("/v1/models/aliased")["aliases"]["champion"] == 2
    assert aliased("DELETE", "champion", suffix="?reason=" + "r" * 1025).status == 400
    assert aliased("DELETE", "champion", suffix="?reason=not%20needed").status == 204
    assert aliased("GET", "champion").status == 404
    assert aliased("DELETE", "champion").status == 404
    assert aliased("PUT", "champion", json={"version": 3}).body["revision"] == 4  # a deleted alias's ETags never come back
    events = aliased("GET", "champion", suffix="/history").body
    assert [(v["revision"], v["version"], v["previous"], v["reason"]) for v in events["events"]] == [
        (4, 3, None, ""), (3, None, 2, "not needed"), (2, 2, 1, ""), (1, 1, None, "first")]
    assert all(v["actor"] == "a-deployer" and RFC3339.match(v["at"]) for v in events["events"])
    page = aliased("GET", "champion", suffix="/history?limit=2&after=4").body
    assert ([v["revision"] for v in page["events"]], page["next"]) == ([3, 2], 2)
    page = aliased("GET", "champion", suffix="/history?after=2").body
    assert ([v["revision"] for v in page["events"]], page["next"]) == ([1], None)


def test_an_alias_is_compared_before_it_is_set(aliased):
    put = lambda v, **headers: aliased("PUT", "cas", json={"version": v}, headers={k.replace("_", "-"): h for k, h in headers.items()})
    assert refused(put(1, If_Match='"1"'), 412, "PRECONDITION", "does not exist")
    assert refused(put(1, If_Match="*"), 412, "PRECONDITION", "does not exist")
    assert put(1, If_None_Match="*").status == 201
    assert refused(put(2, If_None_Match="*"), 412, "PRECONDITION", "revision 1")
    assert put(2, If_Match='"1"').body["revision"] == 2
    assert refused(put(2, If_Match='"1"'), 412, "PRECONDITION", "revision 2, not 1")
    assert put(3, If_Match="*").body["revision"] == 3
    for bad in ({"If_Match": "3"}, {"If_Match": 'W/"3"'}, {"If_Match": '"3", "4"'}, {"If_Match": '"0"'}, {"If_None_Match": '"3"'},
                {"If_Match": '"3"', "If_None_Match": "*"}):
        assert put(1, **bad).status == 400, bad
    gone = lambda tag: aliased("DELETE", "cas", headers={"If-Match": tag})
    assert refused(gone('"2"'), 412, "PRECONDITION", "revision 3")
    assert gone('"3"').status == 204
    assert gone('"3"').status == 412


def test_one_of_many_racing_moves_wins(aliased):
    assert aliased("PUT", "race", json={"version": 1}).status == 201
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        for revision in range(1, 6):
            replies = list(pool.map(lambda v: aliased("PUT", "race", json={"version": v}, headers={"If-Match": f'"{revision}"'}),
                                    [2 + revision % 2] * 12))
            assert sorted(r.status for r in replies) == [200] + [412] * 11
    revisions = [v["revision"] for v in aliased("GET", "race", suffix="/history").body["events"]]
    assert revisions == [6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("body, status", [({"version": 4}, 404), ({"version": 0}, 400), ({"version": -1}, 400), ({"version": "1"}, 400),
                                          ({"version": 1.5}, 400), ({"version": 2**40}, 400), ({}, 400), ({"version": 1, "x": 1}, 400),
                                          ({"version": 1, "reason": "r" * 1025}, 400)])
def test_a_bad_move_changes_nothing(aliased, body, status):
    assert aliased("PUT", "still", json=body).status == status
    assert aliased("GET", "still").status == 404


def test_a_bad_alias_name_is_refused(aliased):
    for name in ("Up", "a%20b", "-x", "%2e%2e"):
        assert aliased("PUT", name, json={"version": 1}).status == 400


# --- tokens and roles


def test_a_token_is_shown_once_and_dies_when_revoked(registry):
    r = registry("POST", "/v1/tokens", json={"name": "ci", "role": "writer"})
    assert r.status == 201 and (r.body["name"], r.body["role"]) == ("ci", "writer")
    token = r.body["token"]
    assert re.fullmatch(r"slc_[0-9a-f]{64}", token)
    assert registry.daemon.http("GET", "/v1/whoami", token=token).body == {"name": "ci", "role": "writer"}
    listed = {t["name"]: t for t in registry.get("/v1/tokens")["tokens"]}["ci"]
    assert listed["sha256"] == hashlib.sha256(token.encode()).hexdigest() and listed["created_by"] == "admin"
    assert token not in json.dumps(registry.get("/v1/tokens"))
    assert refused(registry("POST", "/v1/tokens", json={"name": "ci", "role": "reader"}), 409, "CONFLICT", '"ci"')
    assert registry("DELETE", "/v1/tokens/ci").status == 204
    assert registry.daemon.http("GET", "/v1/whoami", token=token).status == 401
    assert refused(registry("DELETE", "/v1/tokens/ci"), 404, "NOT_FOUND", '"ci"')


def test_another_registryd_on_the_same_database_learns_of_a_revocation(registry, make_registry):
    other = make_registry(registry.db).start()
    token = registry("POST", "/v1/tokens", json={"name": "leaver", "role": "reader"}).body["token"]
    status = lambda: other.daemon.http("GET", "/v1/whoami", token=token).status
    assert status() == 200
    assert registry("DELETE", "/v1/tokens/leaver").status == 204
    wait_until(lambda: status() == 401, "the other one refuses it")


@pytest.mark.parametrize("body", [{"name": "t"}, {"name": "t", "role": "root"}, {"name": "t", "role": "anyone"}, {"name": "T", "role": "reader"},
                                  {"name": "t", "role": "reader", "sha256": "x"}, {"name": "t", "role": 1}])
def test_a_bad_token_is_not_made(registry, body):
    assert registry("POST", "/v1/tokens", json=body).status == 400


def test_the_admin_files_name_is_taken(registry):
    assert registry("POST", "/v1/tokens", json={"name": "admin", "role": "reader"}).status == 409
    assert registry.get("/v1/whoami") == {"name": "admin", "role": "admin"}
    mode = (registry.folder / "data" / "admin-token").stat().st_mode
    assert mode & 0o777 == 0o600


ALL, WRITERS, DEPLOYERS, ADMINS = set(ROLES), {"writer", "admin"}, {"deployer", "admin"}, {"admin"}
ZERO = "sha256:" + "0" * 64
MATRIX = [  # every route, who may, and the answer of a request that is let in but asks for nothing real
    ("GET", "/healthz", ALL | {None}, 200), ("GET", "/readyz", ALL | {None}, 200), ("GET", "/metrics", ALL, 200),
    ("GET", "/v1/whoami", ALL, 200), ("POST", "/v1/models", WRITERS, 400), ("GET", "/v1/models", ALL, 200),
    ("GET", "/v1/models/no", ALL, 404), ("GET", f"/v1/blobs/{ZERO}", ALL, 404), ("PUT", f"/v1/blobs/{ZERO}", WRITERS, 400),
    ("POST", "/v1/models/no/versions", WRITERS, 400), ("GET", "/v1/models/no/versions", ALL, 404),
    ("GET", "/v1/models/no/versions/1", ALL, 404), ("GET", "/v1/models/no/versions/1/files/f", ALL, 404),
    ("GET", "/v1/models/no/aliases", ALL, 404), ("GET", "/v1/models/no/aliases/a", ALL, 404),
    ("PUT", "/v1/models/no/aliases/a", DEPLOYERS, 400), ("DELETE", "/v1/models/no/aliases/a", DEPLOYERS, 404),
    ("GET", "/v1/models/no/aliases/a/history", ALL, 404), ("POST", "/v1/tokens", ADMINS, 400), ("GET", "/v1/tokens", ADMINS, 200),
    ("DELETE", "/v1/tokens/no", ADMINS, 404),
]


@pytest.mark.parametrize("method, path, who, let_in", MATRIX, ids=[f"{m} {p[:32]}" for m, p, _, _ in MATRIX])
def test_each_route_lets_in_its_roles_only(registry, method, path, who, let_in):
    for role in (*ROLES, None):
        expected = let_in if role in who else 401 if role is None else 403
        r = registry(method, path, role, body=b"{}" if method in ("POST", "PUT") else None)
        assert r.status == expected, (role, r)


@pytest.mark.parametrize("token", ["x", "slc_" + "0" * 64, "slc_" + "0" * 1000, "caf\u00e9" * 8])
def test_an_unknown_token_is_nobody(registry, token):
    r = registry.daemon.http("GET", "/v1/models", token=token)
    assert refused(r, 401, "UNAUTHORIZED", "token") and r.headers["WWW-Authenticate"] == "Bearer"


def test_invented_methods_make_no_metrics_of_their_own(registry):
    for method in ("BREW", "WHEN", "get"):
        assert registry.daemon.http(method, "/v1/models").status == 405
    text = registry("GET", "/metrics").body.decode()
    assert "BREW" not in text and 'method="get"' not in text
    assert 'registryd_requests_total{method="other",route="none",code="405"}' in text


def test_the_metrics_are_in_order_and_count(registry, promtool):
    before = registry("GET", "/metrics").body.decode()
    registry("GET", "/v1/models/nobody")
    text = registry("GET", "/metrics").body.decode()
    promtool(text)

    def value(of, line='registryd_requests_total{method="GET",route="/v1/models/{model}",code="404"}'):
        return sum(float(row.rsplit(" ", 1)[1]) for row in of.splitlines() if row.startswith(line))

    assert value(text) == value(before) + 1
    assert value(text, "registryd_ready") == 1
