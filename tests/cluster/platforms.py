"""The Kubernetes platform without a controller: platformtool, one line in, one line out."""
import json
import os
import pathlib
import subprocess

from background import Background
from waiting import wait_until

ROOT = pathlib.Path(__file__).parents[2]
PROGRAM = pathlib.Path(os.environ.get("SLUICE_BIN", ROOT / "build/release/bin")) / "platformtool"


class Platform(Background):
    """platformtool: one line in, one line out."""

    def __init__(self, config, namespace, path, *args):
        self.namespace, self.path, self.seen = namespace, path, 0
        with open(path, "wb") as out:
            self.process = subprocess.Popen([PROGRAM, config, namespace, *args], stdin=subprocess.PIPE, stdout=out, text=True)
        self.until(lambda lines: any("loaded" in line for line in lines), "leadership")

    def answers(self):
        return [line for line in self.lines() if "do" in line]

    def say(self, do, **command):
        self.process.stdin.write(json.dumps({"do": do, "target": f"{self.namespace}.fraud", **command}) + "\n")
        self.process.stdin.flush()

    def __call__(self, do, **command):
        self.seen += 1
        self.say(do, **command)
        return wait_until(lambda: self.answers()[self.seen - 1:], f"the answer to {do}", self.tail)[0]

    def tried(self, do, **command):
        """The answer, if not at once: on a busy machine the lease is renewed late, and too short for a write until then."""
        def once():
            answer = self(do, **command)
            return answer if "the lease does not last" not in (answer["message"] or "") else None
        return wait_until(once, do, self.tail, every_s=0.2)

    def done(self, do, **command):
        """It succeeds."""
        answer = self.tried(do, **command)
        assert answer["failure"] is None, answer
        return self

    def deploy(self, release="7", **command):
        return self.done("deploy", release=release, **command)

    def retire(self, release="7"):
        return self.done("retire", release=release)

    def release(self, name="7"):
        return self("observe")["releases"].get(name)

    def tail(self):
        return self.lines()[-3:]

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(20) == 0
