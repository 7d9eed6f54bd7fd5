"""registryd with a PostgreSQL of its own."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile

import pytest

from registry import Registry, digest_of
from sluice import wait_until


@pytest.fixture
def home():
    """A folder that PostgreSQL's user can reach, which pytest's own are not."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-own-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own(home):
    r = Registry(home, None, "--log-level", "debug")
    yield r
    r.daemon.stop()
    print(r.daemon.log_text())


def postmasters(registry):
    """PIDs of the servers that run in the registry's data folder."""
    data = str(registry.folder / "data" / "postgres" / "data")
    return [int(p) for p in os.listdir("/proc") if p.isdigit() and works_in(p) == data and is_first(p)]


def works_in(pid):
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return None


def is_first(pid):
    """A postmaster, not one of its children."""
    try:
        return b"postgres\0-D" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def is_ready(registry):
    return registry.daemon.http("GET", "/readyz").status == 200


def test_a_life_with_crashes_loses_nothing(own):
    own.start(timeout=60)
    own.model("m")
    data = os.urandom(2 << 20)
    own.version("m", own.files(f=data))

    def is_whole():
        assert own.get("/v1/models/m")["latest"] == 1
        assert own("GET", f"/v1/blobs/{digest_of(data)}").body == data

    # Only its user may enter, and nothing listens but the socket in there.
    postgres = own.folder / "data" / "postgres"
    assert postgres.stat().st_mode & 0o777 == 0o700 and (postgres / "run").stat().st_mode & 0o777 == 0o700
    [first] = postmasters(own)
    if os.geteuid() == 0:
        assert pathlib.Path(f"/proc/{first}").stat().st_uid != 0
    assert b"TCP" not in subprocess.run(["ss", "-ltnpH"], capture_output=True).stdout or not listens(first)

    # PostgreSQL dies: it comes back by itself.
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not is_ready(own), "the outage shows")
    wait_until(lambda: is_ready(own), "PostgreSQL is back", 30)
    is_whole()
    [second] = postmasters(own)
    assert second != first

    # registryd dies: its PostgreSQL leaves too, and the next one finds everything.
    own.daemon.kill()
    own.start(timeout=60)
    is_whole()
    assert len(postmasters(own)) == 1

    # Both die at once, and another process has the number that the pid file names.
    own.daemon.kill()
    [os.kill(p, signal.SIGKILL) for p in postmasters(own)]
    wait_until(lambda: not postmasters(own), "the server is gone")
    (postgres / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n{postgres / 'data'}\n")
    own.start(timeout=60)
    is_whole()

    # A second registryd keeps off.
    other = Registry(own.folder, None)
    other.daemon.log = own.folder / "other.log"
    other.daemon.launch()
    assert other.daemon.wait() == 5 and "another registryd uses" in other.daemon.log_text()
    is_whole()

    # Asked to stop, it leaves nothing behind.
    assert own.daemon.stop() == 0
    assert postmasters(own) == []
    assert not (postgres / "data" / "postmaster.pid").exists()


def listens(pid):
    inodes = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    tcp = [line.split() for f in ("tcp", "tcp6") for line in pathlib.Path(f"/proc/net/{f}").read_text().splitlines()[1:]]
    return any(row[3] == "0A" and f"socket:[{row[9]}]" in inodes for row in tcp)


def test_an_interrupted_initdb_starts_over(own):
    half = own.folder / "data" / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("15\n")
    if os.geteuid() == 0:
        shutil.chown(half, "postgres")
    own.start(timeout=60)
    assert not half.exists()


def ends_with(own, words):
    own.daemon.launch()
    assert own.daemon.wait() != 0
    assert words in own.daemon.log_text(), own.daemon.log_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could be led to somebody else's files")
@pytest.mark.parametrize("name", ["run", "log", "lock"])
def test_links_that_postgresqls_user_made_lead_root_nowhere(home, name):
    folder, prey = home / "data" / "postgres", home / "prey"
    folder.mkdir(parents=True)
    prey.mkdir() if name == "run" else prey.write_text("")
    (folder / name).symlink_to(prey)
    shutil.chown(folder, "postgres")
    ends_with(Registry(home, None), str(folder / name))
    assert prey.stat().st_uid == 0 and (name == "run" or prey.read_text() == "")


def test_without_postgresql_it_says_what_to_do(home):
    ends_with(Registry(home, None, "--postgres-bin-dir", "/nowhere"), "/nowhere/initdb")


def test_a_cluster_of_a_version_that_is_not_installed_is_left_alone(home):
    data = home / "data" / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")
    ends_with(Registry(home, None), "PostgreSQL 9, which is not installed")
    assert os.listdir(data) == ["PG_VERSION"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes its user")
def test_a_folder_that_its_user_cannot_reach_is_named(home):
    home.chmod(0o700)
    ends_with(Registry(home, None), f"user postgres cannot enter {home}: ")
    assert not (home / "data").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes its user")
def test_a_folder_that_the_umask_closes_is_named(home):
    before = os.umask(0o077)
    try:
        ends_with(Registry(home, None), f"user postgres cannot enter {home}/data: ")
    finally:
        os.umask(before)
    assert os.listdir(home / "data") == []


def test_an_address_that_is_taken_or_malformed_is_told_before_postgresql_starts(home):
    taken = Registry(home, None)
    with socket.create_server(("127.0.0.1", taken.daemon.port)):
        ends_with(taken, "Address already in use")
    ends_with(Registry(home, None, "--listen", "nonsense"), 'listen address \\"nonsense\\"')
    assert not (home / "data").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes its user")
def test_a_user_that_does_not_exist_is_named(home):
    ends_with(Registry(home, None, "--postgres-user", "nobody-such"), "nobody-such")


def test_a_folder_too_deep_for_a_socket_is_named(home):
    ends_with(Registry(home / ("x" * 90), None), "too long")
