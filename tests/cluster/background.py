"""A program that goes on beside the test and prints JSON lines."""
import json
import subprocess

from waiting import wait_until


class Background:
    def __init__(self, command, env, path):
        self.path = path
        with open(path, "wb") as out:
            self.process = subprocess.Popen(command, env=env, stdout=out, stdin=subprocess.DEVNULL)

    def lines(self):
        text = self.path.read_text()
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].split("\n") if line]

    def until(self, condition, what=""):
        """Wait until the lines so far fulfil the condition."""
        return wait_until(lambda: condition(self.lines()), what or "the expected line", self.lines)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
