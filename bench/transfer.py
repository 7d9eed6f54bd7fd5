"""Artifacts in and out of registryd beside a bare libpq program on the same PostgreSQL, in turn, in one run."""
import hashlib
import json
import os
import re
import socket
import statistics
import subprocess
import time

from stack import BIN, Failure

MIB = 1 << 20


def make_artifact(path, size):
    """Random bytes, so that nothing can compress them."""
    with open(path, "wb") as f:
        for _ in range(size // MIB):
            f.write(os.urandom(MIB))


def change_artifact(path, mark):
    """Another content of the same size; returns its SHA-256."""
    with open(path, "r+b") as f:
        f.write(mark.to_bytes(8, "little"))
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while piece := f.read(4 * MIB):
            digest.update(piece)
    return digest.hexdigest()


class Raw:
    """HTTP by hand: as little client as possible between the socket and the clock."""

    def __init__(self, stack):
        self.port, self.token = stack.port["registry"], stack.tokens["admin"].read_text().strip()

    def _begin(self, method, digest, *headers):
        s = socket.create_connection(("127.0.0.1", self.port))
        lines = [f"{method} /v1/blobs/sha256:{digest} HTTP/1.1", "Host: bench", f"Authorization: Bearer {self.token}", *headers]
        s.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        return s

    @staticmethod
    def _head(s):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = s.recv(65536)
            if not piece:
                raise Failure("registryd closed the connection")
            head += piece
        head, _, rest = head.partition(b"\r\n\r\n")
        return int(head.split()[1]), len(rest)

    def push(self, path, digest):
        with open(path, "rb") as f, self._begin("PUT", digest, f"Content-Length: {path.stat().st_size}") as s:
            s.sendfile(f)
            status, _ = self._head(s)
        if status != 201:
            raise Failure(f"PUT of a blob was answered {status}")

    def pull(self, path, digest):
        with self._begin("GET", digest) as s:
            status, have = self._head(s)
            buffer = bytearray(4 * MIB)
            while n := s.recv_into(buffer):
                have += n
        if status != 200 or have != path.stat().st_size:
            raise Failure(f"GET of a blob was answered {status} with {have} bytes")


def timed(size, action, *args):
    began = time.monotonic()
    action(*args)
    return size / MIB / (time.monotonic() - began)


def peak_memory_mib(pid):
    return int(re.search(r"VmHWM:\s+(\d+) kB", open(f"/proc/{pid}/status").read()).group(1)) / 1024


class Transfer:
    def __init__(self, stack, size, rounds, say):
        self.stack, self.size, self.rounds, self.say = stack, size, rounds, say
        self.file = stack.dir / "artifact.bin"
        self.speeds = {}
        self.mark = 0

    def bare(self):
        db = f"host={self.stack.dir}/registry/postgres/run port=5432 user=sluice dbname=postgres"
        done = subprocess.run([BIN / "pgbare", "--db", db, "--size", str(self.size)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failure(f"pgbare: {done.stderr.strip()}")
        seen = json.loads(done.stdout)
        return {"libpq insert": seen["insert_mib_s"], "libpq read": seen["read_mib_s"]}

    def raw(self):
        self.mark += 1
        digest = change_artifact(self.file, self.mark)
        client = Raw(self.stack)
        return {"HTTP push": timed(self.size, client.push, self.file, digest), "HTTP pull": timed(self.size, client.pull, self.file, digest)}

    def ctl(self):
        self.mark += 1
        change_artifact(self.file, self.mark)
        into = self.stack.dir / "pulled"
        push = timed(self.size, lambda: self.stack.ctl("push", "big", self.file, "--no-git", timeout=600))
        number = json.loads(self.stack.ctl("versions", "big", "-o", "json", "--limit", 1).stdout)["versions"][0]["number"]
        pull = timed(self.size, lambda: self.stack.ctl("pull", "big", number, into, timeout=600))
        (into / self.file.name).unlink()
        return {"ctl push": push, "ctl pull": pull}

    def run(self):
        """Medians in MiB/s, ratios of each round's own pair, and what registryd had resident at most."""
        make_artifact(self.file, self.size)
        self.bare()  # not counted: a new cluster first has to make the log files that it then goes on using
        ways = [self.bare, self.raw, self.ctl]
        for n in range(self.rounds):
            for way in ways if n % 2 == 0 else ways[::-1]:
                for name, speed in way().items():
                    self.speeds.setdefault(name, []).append(speed)
                    self.say(f"round {n + 1}: {name} {speed:.0f} MiB/s")
        self.file.unlink()
        ratio = {f"{way} {what} / libpq {base}": statistics.median(a / b for a, b in zip(self.speeds[f"{way} {what}"],
                                                                                         self.speeds[f"libpq {base}"]))
                 for way in ("HTTP", "ctl") for what, base in (("push", "insert"), ("pull", "read"))}
        return {"size_mib": self.size // MIB, "rounds": self.rounds, "mib_s": self.speeds,
                "median_mib_s": {name: statistics.median(all_) for name, all_ in self.speeds.items()}, "median_ratio": ratio,
                "registryd_peak_mib": peak_memory_mib(self.stack.running["registryd"].pid)}
