"""The test kubelet as the tests hold it: a process of its own, and the table of images."""
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent


class Images(dict):
    """What runs for an image; the kubelet reads the file anew for every container."""

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.save()

    def __setitem__(self, name, value):
        super().__setitem__(name, value)
        self.save()

    def save(self):
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(self))
        fresh.rename(self.path)


class Kubelet:
    def __init__(self, cluster, folder, pool="10.244.1.0/24", hurry=5):
        self.cluster, self.folder, self.pool, self.hurry, self.process = cluster, pathlib.Path(folder), pool, hurry, None
        self.images = Images(self.folder / "images.json")

    def start(self):
        self.log = open(self.folder / "kubelet.log", "ab")
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", sys.executable, HERE / "kubelet.py", "--kubeconfig", self.cluster.kubeconfig,
             "--folder", self.folder, "--images", self.images.path, "--pool", self.pool, "--hurry", str(self.hurry)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log)
        line = self.process.stdout.readline()
        assert line == b"ready\n", (self.folder / "kubelet.log").read_text()
        return self

    def stop(self):
        """Pods and all end with it."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def logs(self, namespace, pod, container):
        path = self.folder / "logs" / f"{namespace}_{pod}_{container}.log"
        return path.read_text(errors="replace") if path.exists() else ""
