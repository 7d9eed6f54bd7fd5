"""A PostgreSQL cluster for tests, made with initdb in a temporary folder, on a Unix socket only."""

import glob
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import tempfile

from sluice import wait_until

BIN = max(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: float(re.findall(r"/(\d+)/bin", p)[0]))
# The server refuses to run as root.
_SERVER_USER = pwd.getpwnam("postgres") if os.geteuid() == 0 else None


class Postgres:
    def __init__(self):
        # Not under pytest's folder, which its server user could not enter.
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="sluice-pg-"))
        self.data, self.log = self.home / "data", self.home / "log"
        if _SERVER_USER:
            os.chown(self.home, _SERVER_USER.pw_uid, _SERVER_USER.pw_gid)
        self.process = None
        self._names = 0
        self._run("initdb", "-D", self.data, "-U", "sluice", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync",
                  "--no-instructions")

    def _as_server(self, *command):
        drop = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"] if _SERVER_USER else []
        return [*drop, "env", f"PATH={BIN}:/usr/bin:/bin", *[str(c) for c in command]]

    def _run(self, program, *args):
        done = subprocess.run(self._as_server(f"{BIN}/{program}", *args), capture_output=True, text=True, cwd="/")
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self):
        """Start, again after a kill too: then the last backends of the old server may hold its memory for a moment."""
        wait_until(self._launch, "PostgreSQL answers", 30)
        return self

    def _launch(self):
        if self.process is None or self.process.poll() is not None:
            self._spawn()
        wait_until(lambda: self.is_up() or self.process.poll() is not None, f"PostgreSQL answers or ends\n{self.log.read_text()}", 30)
        return self.process.poll() is None

    def options(self):
        # fsync=off: tests kill the server, never the machine.
        return {"listen_addresses": "", "unix_socket_directories": self.home, "fsync": "off", "max_connections": 200,
                "shared_buffers": "64MB", "log_statement": "none"}

    def _spawn(self):
        args = [f"-c{k}={v}" for k, v in self.options().items()]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self._as_server(f"{BIN}/postgres", "-D", self.data, *args)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True)

    def is_up(self):
        return subprocess.run([f"{BIN}/pg_isready", "-q", "-h", self.home]).returncode == 0

    def kill(self):
        """As a crash: the server and its backends are gone without a word."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(2)  # fast shutdown
            self.process.wait(30)

    def remove(self):
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def new_database(self, encoding="UTF8"):
        """Make an empty database and return its URI."""
        self._names += 1
        name = f"test{self._names}"
        self.psql("postgres", f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'")
        return f"postgresql:///{name}?host={self.home}&user=sluice"

    def psql(self, database, sql):
        """Run SQL; `database` is a name or a URI. Returns the text of the rows."""
        done = subprocess.run([f"{BIN}/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-",
                               *(["-d", database] if "://" in database else ["-h", self.home, "-U", "sluice", "-d", database])],
                              input=sql, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
