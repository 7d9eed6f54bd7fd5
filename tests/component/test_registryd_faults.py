"""registryd when things break: PostgreSQL killed, frozen, forgetful or slow; registryd killed and stopped."""

import concurrent.futures
import os
import signal
import socket
import subprocess
import time

import pytest

from postgres import Postgres
from registry import digest_of
from sluice import http, wait_until

MIB = 1 << 20


@pytest.fixture(scope="module")
def victim():
    """A PostgreSQL that these tests may break. Each leaves it running and whole."""
    p = Postgres()
    try:
        yield p.start()
    finally:
        p.remove()


def begin_upload(registry, data, first):
    """Send the head and the first bytes of an upload."""
    s = socket.create_connection(("127.0.0.1", registry.daemon.port), timeout=20)
    s.sendall(f"PUT /v1/blobs/{digest_of(data)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "
              f"{registry.token('writer')}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data[:first])
    return s


def finish_upload(s, rest):
    """Send the rest; the status and the whole answer."""
    try:
        s.sendall(rest)
    except OSError:
        pass  # it may have been refused already
    with s, s.makefile("rb") as f:
        reply = f.read().decode()
    return int(reply.split()[1]), reply


def chunks(postgres, registry):
    return int(postgres.psql(registry.db, "SELECT count(*) FROM registry.chunk"))


def uploads(postgres, registry):
    return int(postgres.psql(registry.db, "SELECT count(*) FROM registry.upload"))


def is_ready(registry):
    return registry.daemon.http("GET", "/readyz").status == 200


def test_a_database_killed_in_mid_upload_costs_that_upload_only(make_registry, victim):
    registry = make_registry(victim.new_database(), "--upload-grace", "500ms").start()
    data = os.urandom(6 * MIB)
    kept = registry.push(b"kept")
    s = begin_upload(registry, data, 3 * MIB)
    wait_until(lambda: chunks(victim, registry) >= 3, "two chunks and the small blob's are stored")
    victim.kill()
    status, reply = finish_upload(s, data[3 * MIB:])
    assert status == 503 and "Retry-After" in reply and "database" in reply
    assert registry.daemon.http("GET", "/healthz").status == 200
    assert not is_ready(registry)
    assert registry("GET", "/v1/models").status == 503
    victim.start()
    wait_until(lambda: is_ready(registry), "it is ready again")
    assert registry("GET", f"/v1/blobs/{digest_of(data)}").status == 404
    assert registry("GET", f"/v1/blobs/{kept}").body == b"kept"
    assert registry("PUT", f"/v1/blobs/{digest_of(data)}", body=data).status == 201
    assert registry("GET", f"/v1/blobs/{digest_of(data)}").body == data
    wait_until(lambda: uploads(victim, registry) == 0 and chunks(victim, registry) == 7, "the orphans are deleted")


def test_a_database_killed_in_mid_download_cuts_it_short(make_registry, victim):
    registry = make_registry(victim.new_database()).start()
    data = os.urandom(32 * MIB)  # more than fits into the sockets on the way
    digest = registry.push(data)
    s = socket.create_connection(("127.0.0.1", registry.daemon.port), timeout=20)
    s.sendall(f"GET /v1/blobs/{digest} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {registry.token('reader')}\r\n\r\n".encode())
    with s, s.makefile("rb") as f:
        while f.readline() != b"\r\n":
            pass
        got = f.read(MIB)
        victim.kill()
        try:
            got += f.read()
        except ConnectionResetError:
            pass
        finally:
            victim.start()
    assert len(got) < len(data) and data.startswith(got)
    wait_until(lambda: is_ready(registry), "it is ready again")
    assert registry("GET", f"/v1/blobs/{digest}").body == data


def test_a_database_that_forgot_a_chunk_publishes_nothing(make_registry, victim):
    registry = make_registry(victim.new_database()).start()
    data = os.urandom(5 * MIB)
    s = begin_upload(registry, data, 3 * MIB)
    wait_until(lambda: chunks(victim, registry) >= 2, "two chunks are stored")
    victim.psql(registry.db, "DELETE FROM registry.chunk WHERE n = 1")  # as a crash does to commits that were not on disk
    status, reply = finish_upload(s, data[3 * MIB:])
    assert status == 503 and "send it again" in reply
    assert registry("GET", f"/v1/blobs/{digest_of(data)}").status == 404
    assert registry("PUT", f"/v1/blobs/{digest_of(data)}", body=data).status == 201


def test_an_upload_without_progress_is_given_up(make_registry, victim):
    registry = make_registry(victim.new_database(), "--upload-grace", "300ms").start()
    data = os.urandom(4 * MIB)
    s = begin_upload(registry, data, 2 * MIB + 5)
    wait_until(lambda: uploads(victim, registry) == 1, "the upload has begun")
    wait_until(lambda: uploads(victim, registry) == 0, "it is given up")
    status, reply = finish_upload(s, data[2 * MIB + 5:])
    assert status == 503 and "given up" in reply
    assert chunks(victim, registry) == 0
    assert registry("PUT", f"/v1/blobs/{digest_of(data)}", body=data).status == 201


def session(database):
    """A psql of its own, to hold what others wait for."""
    return subprocess.Popen(["psql", "-X", "-q", "-d", database], stdin=subprocess.PIPE, text=True)


def test_two_registryds_deleting_the_same_orphans_leave_none(make_registry, victim):
    db = victim.new_database()
    registry = make_registry(db, "--upload-grace", "200ms").start()
    other = session(db)  # in the place of the other registryd: it deletes a batch, and commits when ours has chosen the same rows
    try:
        other.stdin.write("""INSERT INTO registry.upload (digest, owner, doomed) VALUES ('d', 'o', false);
            INSERT INTO registry.chunk SELECT blob_id, n, 'x' FROM registry.upload, generate_series(0, 199) n;
            BEGIN; DELETE FROM registry.chunk WHERE n < 64;\n""")
        other.stdin.flush()
        wait_until(lambda: victim.psql(db, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                                           " AND datname = current_database()") == "1", "ours waits for a row")
    finally:
        other.communicate("COMMIT;\n")
    wait_until(lambda: uploads(victim, registry) == 0, "the upload is forgotten")
    assert chunks(victim, registry) == 0


def test_an_upload_that_began_before_a_crash_shares_its_id_with_nobody(make_registry, victim):
    db = victim.new_database()
    victim.psql("postgres", "ALTER SYSTEM SET wal_writer_delay = '10s'; SELECT pg_reload_conf()")
    try:
        registry = make_registry(db).start()
        victim.psql(db, "CHECKPOINT")
        data = os.urandom(3 * MIB)
        with begin_upload(registry, data, 5):
            began = wait_until(lambda: victim.psql(db, "SELECT blob_id FROM registry.upload"), "the upload has begun")
            victim.kill()
            victim.start()
            assert victim.psql(db, "SELECT blob_id FROM registry.upload") == began
    finally:
        victim.psql("postgres", "ALTER SYSTEM RESET wal_writer_delay; SELECT pg_reload_conf()")


def test_a_frozen_database_is_given_up_at_the_deadline(make_registry, victim):
    registry = make_registry(victim.new_database(), "--db-timeout", "500ms").start()
    registry.model("m")
    backends = [int(p) for p in victim.psql(registry.db, "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                                                         " AND pid <> pg_backend_pid()").split()]
    frozen = [victim.process.pid, *backends]
    try:
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        r = registry("GET", "/v1/models/m")
        assert r.status == 504 and "in time" in r.body["detail"]
        assert not is_ready(registry)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    wait_until(lambda: is_ready(registry), "it is ready again")
    assert registry("GET", "/v1/models/m").status == 200


def test_a_row_that_somebody_locked_is_not_waited_for_long(make_registry, victim):
    registry = make_registry(victim.new_database(), "--db-timeout", "600ms").start()
    registry.model("m")
    version = {"files": registry.files(f=b"x")}
    holder = session(registry.db)
    try:
        holder.stdin.write("BEGIN; SELECT * FROM registry.model FOR UPDATE; SELECT pg_notify('x', 'y');\n")
        holder.stdin.flush()
        wait_until(lambda: victim.psql(registry.db, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                                                    " AND state = 'idle in transaction'") == "1", "the row is locked")
        r = registry("POST", "/v1/models/m/versions", json=version)
        assert r.status == 503 and "lock timeout" in r.body["detail"]
    finally:
        holder.communicate("ROLLBACK;\n")
    r = registry("POST", "/v1/models/m/versions", json=version)
    assert (r.status, r.body["number"]) == (201, 1)


def test_a_commit_of_unknown_outcome_is_reported_as_such(make_registry, victim):
    registry = make_registry(victim.new_database()).start()
    registry.model("m")
    version = {"files": registry.files(f=b"x")}
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = current_database()"

    def standby(name):
        victim.psql("postgres", f"ALTER SYSTEM SET synchronous_standby_names = '{name}'; SELECT pg_reload_conf()")
        wait_until(lambda: victim.psql("postgres", "SHOW synchronous_standby_names") == name, "the setting is in force")

    standby("nobody")
    try:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            asked = pool.submit(lambda: registry("POST", "/v1/models/m/versions", json=version))
            pid = wait_until(lambda: victim.psql(registry.db, waiting), "the commit waits for a standby")
            victim.psql("postgres", f"SET synchronous_commit = local; SELECT pg_cancel_backend({pid})")
            r = asked.result()
            assert r.status == 503 and "not known" in r.body["detail"] and "Retry-After" in r.headers
            # The same for a statement that is its own transaction.
            asked = pool.submit(lambda: registry("POST", "/v1/models", json={"name": "n"}))
            pid = wait_until(lambda: victim.psql(registry.db, waiting), "the commit waits for a standby")
            victim.psql("postgres", f"SET synchronous_commit = local; SELECT pg_cancel_backend({pid})")
            assert asked.result().status == 503
    finally:
        standby("")
    r = registry("POST", "/v1/models/m/versions", json=version)
    assert (r.status, r.body["number"]) == (200, 1)  # it was stored


def test_more_requests_than_connections_wait_their_turn(make_registry, victim):
    registry = make_registry(victim.new_database(), "--db-pool", "2", "--transfers", "1").start()
    registry.model("m")
    blobs = [os.urandom(3 * MIB) for _ in range(4)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert all(r.status == 200 for r in pool.map(lambda _: registry("GET", "/v1/models/m"), range(200)))
        assert all(r.status == 201 for r in pool.map(lambda b: registry("PUT", f"/v1/blobs/{digest_of(b)}", body=b), blobs))
        got = list(pool.map(lambda b: registry("GET", f"/v1/blobs/{digest_of(b)}").body, blobs * 3))
    assert got == blobs * 3


@pytest.mark.parametrize("direction", ["in", "out"])
def test_clients_that_stall_leave_connections_for_others(make_registry, victim, direction):
    registry = make_registry(victim.new_database(), "--transfers", "4", "--db-timeout", "2s").start()
    data = os.urandom(32 * MIB)  # more than fits into the sockets on the way
    digest = registry.push(data) if direction == "out" else None
    stalled = []

    def sent():
        return registry("GET", "/metrics").body.decode().split("\nregistryd_artifact_sent_bytes_total ")[1].split()[0]

    def stalls():
        before = sent()
        time.sleep(0.1)
        return before != "0" and sent() == before

    try:
        for i in range(6):
            if direction == "out":
                stalled.append(socket.create_connection(("127.0.0.1", registry.daemon.port), timeout=20))
                stalled[-1].sendall(f"GET /v1/blobs/{digest} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                                    f"{registry.token('reader')}\r\n\r\n".encode())
                wait_until(stalls, "the sockets are full")
            else:
                stalled.append(begin_upload(registry, bytes([i]) + data, 2 * MIB))
                wait_until(lambda: chunks(victim, registry) >= 2 * len(stalled), "its chunks are stored")
        assert registry("PUT", f"/v1/blobs/{digest_of(b'more')}", body=b"more").status == 201
        assert registry("GET", f"/v1/blobs/{digest_of(b'more')}").body == b"more"
    finally:
        for s in stalled:
            s.close()


def test_it_waits_for_a_database_that_is_away_when_it_starts(make_registry, victim):
    db = victim.new_database()
    victim.stop()
    registry = make_registry(db)
    registry.daemon.launch()
    wait_until(lambda: answers(registry.daemon), "it answers")
    try:
        assert registry.daemon.http("GET", "/readyz").status == 503
        token = (registry.folder / "data" / "admin-token").read_text().strip()
        r = registry.daemon.http("GET", "/v1/models", token=token)
        assert r.status == 503 and "being prepared" in r.body["detail"]
        assert registry.daemon.http("GET", "/v1/whoami", token=token).status == 200  # the admin needs no database
    finally:
        victim.start()
    wait_until(lambda: is_ready(registry), "it is ready")


def answers(daemon):
    try:
        return daemon.http("GET", "/healthz").status == 200
    except OSError:
        return False


def test_a_known_token_reads_the_metrics_of_an_outage(make_registry, victim):
    registry = make_registry(victim.new_database()).start()
    assert registry("GET", "/metrics", role="reader").status == 200
    victim.kill()
    try:
        wait_until(lambda: not is_ready(registry), "the outage shows")
        r = registry("GET", "/metrics", role="reader")
        assert r.status == 200 and b'registryd_db_errors_total{kind="UNAVAILABLE"}' in r.body
        assert registry.daemon.http("GET", "/metrics", token="slc_" + "0" * 64).status == 503  # not: unauthorized
    finally:
        victim.start()


def test_a_token_that_was_refused_stays_so_in_an_outage(make_registry, victim):
    db = victim.new_database()
    registry, other = make_registry(db).start(), make_registry(db).start()
    token = registry("POST", "/v1/tokens", json={"name": "leaver", "role": "reader"}).body["token"]
    status = lambda: other.daemon.http("GET", "/v1/whoami", token=token).status
    assert status() == 200
    assert registry("DELETE", "/v1/tokens/leaver").status == 204
    wait_until(lambda: status() == 401, "the other one refuses it")
    victim.kill()
    try:
        wait_until(lambda: not is_ready(other), "the outage shows")
        assert status() == 503
    finally:
        victim.start()


def test_a_stranger_learns_nothing_about_the_database(make_registry, victim):
    registry = make_registry(victim.new_database()).start()
    victim.kill()
    try:
        wait_until(lambda: not is_ready(registry), "the outage shows")
        ready = registry.daemon.http("GET", "/readyz")
        unknown = registry.daemon.http("GET", "/v1/models", token="slc_" + "0" * 64)
        assert (ready.status, ready.body["detail"]) == (503, "the database does not answer")
        assert (unknown.status, unknown.body["detail"]) == (503, "the token cannot be checked: the database does not answer")
        assert str(victim.home) in registry("GET", "/v1/models").body["detail"]
    finally:
        victim.start()
    wait_until(lambda: is_ready(registry), "it is ready again")
    told = [line["msg"] for line in registry.daemon.log_lines() if "database" in line["msg"] and line["msg"] != "the database is ready"]
    assert told == ["the database does not answer", "the database answers again"]


def test_registryd_killed_in_mid_upload_leaves_nothing_visible(make_registry, victim):
    db = victim.new_database()
    registry = make_registry(db, "--upload-grace", "500ms").start()
    data = os.urandom(5 * MIB)
    s = begin_upload(registry, data, 4 * MIB)
    wait_until(lambda: chunks(victim, registry) >= 3, "chunks are stored")
    registry.daemon.kill()
    s.close()
    registry.start()
    assert registry("GET", f"/v1/blobs/{digest_of(data)}").status == 404
    wait_until(lambda: (uploads(victim, registry), chunks(victim, registry)) == (0, 0), "the orphans are deleted")
    assert registry("PUT", f"/v1/blobs/{digest_of(data)}", body=data).status == 201
    assert registry("GET", f"/v1/blobs/{digest_of(data)}").body == data


def test_sigterm_lets_uploads_under_way_finish(make_registry, victim):
    registry = make_registry(victim.new_database()).start()
    data = os.urandom(3 * MIB)
    s = begin_upload(registry, data, MIB)
    wait_until(lambda: uploads(victim, registry) == 1, "the upload has begun")
    registry.daemon.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not is_ready(registry), "it is not ready any more")
    assert finish_upload(s, data[MIB:])[0] == 201
    assert registry.daemon.wait() == 0
    registry.start()
    assert registry("GET", f"/v1/blobs/{digest_of(data)}").body == data


def test_sigterm_does_not_wait_for_ever(make_registry, victim):
    registry = make_registry(victim.new_database(), "--drain", "200ms").start()
    data = os.urandom(3 * MIB)
    with begin_upload(registry, data, MIB):
        wait_until(lambda: uploads(victim, registry) == 1, "the upload has begun")
        assert registry.daemon.stop() == 0
    assert victim.psql(registry.db, "SELECT doomed FROM registry.upload") in ("t", "")  # given up on the way out


@pytest.mark.parametrize("args, words", [
    (["--db-pool", "0"], "db_pool"), (["--log-level", "loud"], "log_level"), (["--log-level="], "log_level"),
    (["--drain", "2562047788015h"], "drain"), (["--max-blob-size", "1TB"], "max-blob-size"),
    (["--colour", "red"], "colour"), (["--listen", "nowhere"], "nowhere"), (["--db-timeout", "1ms"], "db_timeout"),
    (["--admin-token-file", "/dev/null"], "/dev/null"), (["--admin-token-file", "/nowhere/x"], "/nowhere")])
def test_bad_settings_are_named(daemons, tmp_path, args, words):
    d = daemons("registryd", "--data-dir", tmp_path / "data", "--db", "postgresql:///x?host=/nowhere", *args).launch()
    assert d.wait() in (1, 2, 3, 4)
    assert words in d.log_text()


@pytest.mark.parametrize("uri", ["postgres://u:pa%zzword@h/x", "postgres://u:pa%zzword@[::1/x", "postgres://u:pa%zz/word@h/x",
                                 "postgres://pa%zz:pa/word@h/x", "host=h password=pa%zzword port"])
def test_a_malformed_database_uri_is_refused_without_showing_it(daemons, tmp_path, uri):
    d = daemons("registryd", "--data-dir", tmp_path / "data", "--db", uri).launch()
    assert d.wait() == 2
    assert "db: this is no libpq URI" in d.log_text() and "pa%zz" not in d.log_text() and "word@" not in d.log_text()


def test_the_log_level_is_reread_while_requests_go_on(make_registry, victim, tmp_path):
    config = tmp_path / "registryd.yaml"
    config.write_text("log_level: info\n")
    registry = make_registry(victim.new_database(), "--config", config).start()

    def reread(level):
        config.write_text(f"log_level: {level}\n")
        registry.daemon.process.send_signal(signal.SIGHUP)

    def logged(*pair):
        registry.get("/v1/whoami")
        return any(pair[0] in line and line[pair[0]] == pair[1] for line in registry.daemon.log_lines())

    assert not logged("path", "/v1/whoami")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(registry.get, "/v1/whoami") for _ in range(100)]
        reread("debug")
        wait_until(lambda: logged("path", "/v1/whoami"), "requests are logged")
        assert all(a.result() for a in asked)
    for level in ("", "loud"):
        reread(f'"{level}"')
        wait_until(lambda: logged("log_level", level or None), "the bad level is warned of")
    assert logged("level", "debug")


def test_the_admin_token_may_come_from_elsewhere(make_registry, victim, tmp_path):
    file = tmp_path / "secret"
    file.write_text("a-token-of-our-own-choosing\n")
    registry = make_registry(victim.new_database(), "--admin-token-file", file)
    registry.daemon.start()
    r = http("GET", registry.daemon.url + "/v1/whoami", token="a-token-of-our-own-choosing")
    assert (r.status, r.body) == (200, {"name": "admin", "role": "admin"})
    assert not (registry.folder / "data" / "admin-token").exists()
