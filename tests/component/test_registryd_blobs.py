"""registryd: artifacts in and out, whole and in ranges, right and wrong."""

import concurrent.futures
import hashlib
import os
import pathlib
import re
import socket

import pytest

from registry import digest_of
from sluice import BIN, wait_until

MIB = 1 << 20
CHUNKED = b"".join(bytes([i]) * MIB for i in range(3)) + b"tail"  # each 1 MiB row looks different


@pytest.fixture(scope="module")
def blob(registry):
    digest = registry.push(CHUNKED)
    return lambda method="GET", role="reader", **headers: registry(
        method, f"/v1/blobs/{digest}", role, headers={k.replace("_", "-"): v for k, v in headers.items()})


def raw(registry, head, body=b"", role="writer"):
    """A connection on which a request was sent by hand, perhaps not all of it."""
    s = socket.create_connection(("127.0.0.1", registry.daemon.port), timeout=10)
    s.sendall(f"{head}\r\nHost: x\r\nAuthorization: Bearer {registry.token(role)}\r\n\r\n".encode() + body)
    return s


def stored(registry, postgres):
    """(blobs, uploads, chunks) in the database."""
    return tuple(int(n) for n in postgres.psql(registry.db, "SELECT (SELECT count(*) FROM registry.blob),"
                 "(SELECT count(*) FROM registry.upload), (SELECT count(*) FROM registry.chunk)").split("|"))


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 5 * MIB + 7])
def test_bytes_come_back_as_they_were(registry, size):
    data = os.urandom(size)
    digest = digest_of(data)
    r = registry("PUT", f"/v1/blobs/{digest}", role="writer", body=data)
    assert (r.status, r.body) == (200 if size == 0 and r.status == 200 else 201, {"digest": digest, "size": size})
    r = registry("GET", f"/v1/blobs/{digest}", role="reader")
    assert r.status == 200 and r.body == data
    assert (r.headers["ETag"], r.headers["Content-Length"]) == (f'"{digest}"', str(size))
    assert registry("PUT", f"/v1/blobs/{digest}", body=data).status == 200


def test_a_body_without_length_is_taken(registry):
    data = os.urandom(3 * MIB + 5)
    pieces = (data[i:i + 70000] for i in range(0, len(data), 70000))
    r = registry("PUT", f"/v1/blobs/{digest_of(data)}", body=pieces)  # urllib sends it chunked
    assert r.status == 201 and r.body["size"] == len(data)
    assert registry("GET", f"/v1/blobs/{digest_of(data)}").body == data


@pytest.mark.parametrize("spec, expected", [
    ("bytes=0-0", slice(0, 1)),
    ("bytes=5-9", slice(5, 10)),
    (f"bytes={MIB - 2}-{MIB + 1}", slice(MIB - 2, MIB + 2)),
    (f"bytes={MIB}-{2 * MIB - 1}", slice(MIB, 2 * MIB)),
    (f"bytes={3 * MIB - 1}-", slice(3 * MIB - 1, None)),
    ("bytes=-1", slice(-1, None)),
    ("bytes=-6", slice(-6, None)),
    (f"bytes=-{10 * MIB}", slice(0, None)),
    (f"bytes=1-{10 * MIB}", slice(1, None)),
    ("bytes=2-3,7-8", slice(2, 4)),  # the first range only
    ("bytes= 4-5", slice(4, 6)),
    (f"bytes=0-{10**30}", slice(0, None)),
])
def test_a_range_is_cut_out(blob, spec, expected):
    r = blob(Range=spec)
    whole = range(len(CHUNKED))[expected]
    assert r.status == 206 and r.body == CHUNKED[expected]
    assert r.headers["Content-Range"] == f"bytes {whole[0]}-{whole[-1]}/{len(CHUNKED)}"


@pytest.mark.parametrize("spec", ["bytes=5-2", "bytes=", "bytes=a-b", "bytes=1-2x", "bytes=--1", "bytes=-", "lines=1-2", "bytes 1-2"])
def test_what_is_no_range_is_ignored(blob, spec):
    r = blob(Range=spec)
    assert r.status == 200 and r.body == CHUNKED


@pytest.mark.parametrize("spec", [f"bytes={len(CHUNKED)}-", f"bytes={len(CHUNKED)}-{len(CHUNKED) + 5}", "bytes=-0", f"bytes={10**30}-"])
def test_a_range_beyond_the_end_is_refused(blob, spec):
    r = blob(Range=spec)
    assert r.status == 416 and r.body["title"] == "RANGE" and str(len(CHUNKED)) in r.body["detail"]
    assert r.headers["Content-Range"] == f"bytes */{len(CHUNKED)}"


def test_a_range_of_nothing_is_refused(registry):
    digest = registry.push(b"")
    assert registry("GET", f"/v1/blobs/{digest}").body == b""
    assert registry("GET", f"/v1/blobs/{digest}", headers={"Range": "bytes=0-"}).status == 416


def test_head_answers_without_bytes(blob):
    r = blob("HEAD")
    assert (r.status, r.body, r.headers["Content-Length"]) == (200, b"", str(len(CHUNKED)))
    r = blob("HEAD", Range="bytes=0-9")
    assert (r.status, r.headers["Content-Length"]) == (206, "10")


def test_entity_tags_spare_transfers_and_guard_ranges(blob):
    tag = f'"{digest_of(CHUNKED)}"'
    assert blob(If_None_Match=tag).status == 304
    assert blob(If_None_Match='"other"').status == 200
    assert blob(Range="bytes=0-3", If_Range=tag).status == 206
    assert blob(Range="bytes=0-3", If_Range='"other"').status == 200


@pytest.mark.parametrize("digest", ["x", "sha256:", "sha256:" + "A" * 64, "sha256:" + "0" * 63, "md5:" + "0" * 32, "%2e%2e", "sha256:" + "0" * 64 + "%00"])
def test_a_bad_digest_is_refused(registry, digest):
    assert registry("GET", f"/v1/blobs/{digest}").status == 400
    assert registry("PUT", f"/v1/blobs/{digest}", body=b"x").status == 400


def test_other_bytes_than_the_digest_says_are_refused_and_leave_nothing(registry, postgres):
    data = os.urandom(2 * MIB + 1)
    before = stored(registry, postgres)
    r = registry("PUT", f"/v1/blobs/{digest_of(data)}", body=data[:-1] + b"?")
    assert r.status == 400 and digest_of(data) in r.body["detail"] and digest_of(data[:-1] + b"?") in r.body["detail"]
    assert registry("GET", f"/v1/blobs/{digest_of(data)}").status == 404
    wait_until(lambda: stored(registry, postgres) == before, "its chunks are deleted")
    # Also when the right bytes are there already.
    assert registry.push(data) and registry("PUT", f"/v1/blobs/{digest_of(data)}", body=b"?").status == 400
    assert registry("GET", f"/v1/blobs/{digest_of(data)}").body == data


def test_a_cut_upload_leaves_nothing_and_a_retry_works(registry, postgres):
    data = os.urandom(5 * MIB)
    before = stored(registry, postgres)
    s = raw(registry, f"PUT /v1/blobs/{digest_of(data)} HTTP/1.1\r\nContent-Length: {len(data)}", data[:3 * MIB + 17])
    wait_until(lambda: stored(registry, postgres)[2] >= before[2] + 3, "three chunks are stored")
    assert registry("GET", f"/v1/blobs/{digest_of(data)}").status == 404  # nothing half-visible
    s.close()
    wait_until(lambda: stored(registry, postgres) == before, "they are deleted again")
    assert registry("PUT", f"/v1/blobs/{digest_of(data)}", body=data).status == 201
    assert registry("GET", f"/v1/blobs/{digest_of(data)}").body == data


def test_the_same_blob_pushed_twice_at_once_is_stored_once(registry, postgres):
    data = os.urandom(4 * MIB)
    before = stored(registry, postgres)
    head = f"PUT /v1/blobs/{digest_of(data)} HTTP/1.1\r\nConnection: close\r\nContent-Length: {len(data)}"
    both = [raw(registry, head, data[:2 * MIB]) for _ in range(2)]
    wait_until(lambda: stored(registry, postgres)[1] == before[1] + 2, "both uploads are under way")

    def finish(s):
        s.sendall(data[2 * MIB:])
        with s.makefile("rb") as f:
            return f.readline().split()[1]

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(finish, both)) == [b"200", b"201"]
    assert registry("GET", f"/v1/blobs/{digest_of(data)}").body == data
    wait_until(lambda: stored(registry, postgres) == (before[0] + 1, before[1], before[2] + 4), "the slower one's chunks are deleted")


def test_an_artifact_over_the_limit_is_refused(make_registry, postgres):
    db = postgres.new_database()
    small = make_registry(db, "--max-blob-size", "1MiB").start()
    fits, over = os.urandom(MIB), os.urandom(MIB + 1)
    assert small("PUT", f"/v1/blobs/{digest_of(fits)}", body=fits).status == 201
    for body in (over, iter([over])):  # with and without Content-Length
        r = small("PUT", f"/v1/blobs/{digest_of(over)}", body=body)
        assert r.status == 413 and "max_blob_size" in r.body["detail"]
    wait_until(lambda: stored(small, postgres) == (1, 0, 1), "the longer one left nothing")


def test_a_client_that_leaves_in_mid_download_is_forgotten(registry, postgres):
    data = os.urandom(24 * MIB)
    digest = registry.push(data)
    sockets = [raw(registry, f"GET /v1/blobs/{digest} HTTP/1.1") for _ in range(20)]  # more than there are connections to PostgreSQL
    for s in sockets:
        s.recv(1000)
        s.close()
    assert registry("GET", f"/v1/blobs/{digest}", timeout=30).body == data

    def in_use():
        text = registry("GET", "/metrics").body.decode()
        return re.search(r'registryd_db_connections\{pool="transfers",state="in_use"\} (\d+)', text)[1]

    wait_until(lambda: in_use() == "0", "connections are back")


@pytest.mark.skipif("san/bin" in str(BIN), reason="the sanitizer's own memory counts too")
def test_memory_does_not_grow_with_the_artifact(make_registry, postgres):
    registry = make_registry(postgres.new_database()).start()
    piece = os.urandom(MIB)
    whole = hashlib.sha256(piece * 128).hexdigest()
    r = registry("PUT", f"/v1/blobs/sha256:{whole}", body=(piece for _ in range(128)), timeout=120)
    assert r.status == 201
    assert registry("GET", f"/v1/blobs/sha256:{whole}", timeout=120).body == piece * 128
    status = pathlib.Path(f"/proc/{registry.daemon.process.pid}/status").read_text()
    assert int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) < 64 * 1024


# --- files of versions


@pytest.fixture(scope="module")
def filed(registry):
    registry.model("filed")
    contents = {"model.ubj": b"trees", "a/b/c d.txt": b"deep", "ü.json": b"{}", "x%2fy": b"percent", "a.b..c": b"dots"}
    files = [{"path": p, "digest": registry.push(data), "size": len(data)} for p, data in contents.items()]
    registry.version("filed", files)
    registry("PUT", "/v1/models/filed/aliases/live", json={"version": 1})
    return contents


@pytest.mark.parametrize("ref", ["1", "@live", "%40live"])
@pytest.mark.parametrize("escaped, path", [
    ("model.ubj", "model.ubj"), ("a/b/c%20d.txt", "a/b/c d.txt"), ("a%2Fb%2fc%20d.txt", "a/b/c d.txt"), ("%C3%BC.json", "ü.json"),
    ("x%252fy", "x%2fy"), ("a.b..c", "a.b..c")])
def test_a_versions_file_is_found_by_path(registry, filed, ref, escaped, path):
    r = registry("GET", f"/v1/models/filed/versions/{ref}/files/{escaped}", role="reader")
    data = r.body if isinstance(r.body, bytes) else b"{}"
    assert r.status == 200 and data == filed[path]
    assert r.headers["ETag"] == f'"{digest_of(filed[path])}"'


@pytest.mark.parametrize("path, status", [
    ("../../../../../etc/passwd", 400), ("%2e%2e/%2e%2e/etc/passwd", 400), ("a/./b", 400), ("a//b", 400), ("%2fetc/passwd", 400),
    ("a%5cb", 400), ("model.ubj%00", 400), ("%zz", 400), ("%ff", 404), ("", 404), ("nothing", 404), ("model.ubj/", 400), ("x" * 600, 400)])
def test_a_strange_path_finds_nothing(registry, filed, path, status):
    s = raw(registry, f"GET /v1/models/filed/versions/1/files/{path} HTTP/1.1\r\nConnection: close", role="reader")
    with s, s.makefile("rb") as f:
        line = f.readline().decode()
        assert int(line.split()[1]) in (status, 400, 404), line
        assert b"root:" not in f.read()
