"""The live requests of the demonstration: loadgen as a child, its timeline line by line."""
import json
import signal
import threading

from stack import BIN, ROOT, Failure


class Load:
    """Sends rows of real loans to a model until stop(). Calls each_second(line) from a thread of its own."""

    def __init__(self, stack, model, rate, batch, each_second):
        self.seconds, self.summary = [], None
        self.each_second = each_second
        self.process = stack.launch(
            "loadgen", BIN / "loadgen", "--url", f"{stack.url['traffic']}/v2/models/{model}/infer", "--rate", rate, "--poisson",
            "--rows", ROOT / "demo/data/loans.csv", "--leave-out", "class", "--batch", batch, "--duration", "0s",
            "--connections", 16, stdout=-1, text=True)
        self.stack = stack
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for text in self.process.stdout:
            line = json.loads(text)
            if line.get("summary"):
                self.summary = line
            else:
                self.seconds.append(line)
                self.each_second(line)

    def stop(self):
        """No new requests; those under way are seen through. The summary of all."""
        self.stack.end("loadgen", signal.SIGTERM)
        self.thread.join(10)
        if self.summary is None:
            raise Failure("loadgen ended without a summary")
        return self.summary

    def share(self, version, from_ms, to_ms):
        """The part of the answers between two times (CLOCK_BOOTTIME, whole seconds inside only) that this version gave."""
        mine = total = 0
        for line in list(self.seconds):
            if line["now_ms"] - 1050 < from_ms or line["now_ms"] > to_ms:
                continue
            total += line["answered"]
            mine += sum(line["versions"].get(str(version), {"codes": {}})["codes"].values())
        return mine / total if total else None
