"""The test kubelet and the test gateway as the tests hold them: processes of their own."""
import json
import os
import pathlib
import subprocess
import sys
from urllib.parse import quote

from load import Load
from waiting import wait_until

HERE = pathlib.Path(__file__).parent


class Images:
    """What runs for an image: a file each, which the kubelet reads anew for every container."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)

    def __setitem__(self, name, value):
        path = self.folder / quote(name, safe="")
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        fresh.write_text(json.dumps(value, default=str))
        fresh.rename(path)


class Helper:
    """A program of this folder that says "ready" and logs to a file."""

    def __init__(self, program, cluster, folder, *args):
        self.folder = pathlib.Path(folder)
        self.command = [sys.executable, HERE / program, "--kubeconfig", cluster.kubeconfig, "--folder", self.folder, *args]
        self.log, self.process = self.folder / "log", None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *map(str, self.command)], stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=log)
        assert self.process.stdout.readline() == b"ready\n", self.log.read_text()
        return self

    def stop(self):
        """What it started ends with it."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Kubelet(Helper):
    """images["name:tag"] = {"command": [...], "args"?, "env"?, "mounts"?: {path: path outside}} says what an image is."""

    def __init__(self, cluster, folder, pool="10.244.8.0/21", hurry=5):
        self.images = Images(pathlib.Path(folder) / "images")
        super().__init__("kubelet.py", cluster, folder, "--images", self.images.folder, "--pool", pool, "--hurry", str(hurry))

    def logs(self, namespace, pod, container):
        path = self.folder / "logs" / f"{namespace}_{pod}_{container}.log"
        return path.read_text(errors="replace") if path.exists() else ""


class Gateways(Helper):
    def __init__(self, cluster, folder):
        super().__init__("gateway.py", cluster, folder)


class Gateway:
    """One Gateway of a test's own namespace."""

    def __init__(self, api, namespace, name="gateway"):
        self.api, self.name = api, name
        self.path = f"/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/gateways/{name}"
        api("POST", self.path.rpartition("/")[0], {
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": name},
            "spec": {"gatewayClassName": "test", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}})
        wait_until(self.programmed, f"{name} is programmed")
        self.address = self.api.get(self.path)["status"]["addresses"][0]["value"]

    def programmed(self):
        conditions = self.api.get(self.path).get("status", {}).get("conditions", [])
        return any(c["type"] == "Programmed" and c["status"] == "True" for c in conditions)

    def behave(self, **marks):
        """delay_s=2, reject="route", deaf="true"; None: no more."""
        self.api.patch(self.path, {"metadata": {"annotations": {f"test.sluice.dev/{k.replace('_', '-')}": v if v is None else str(v)
                                                                for k, v in marks.items()}}})

    def load(self, host, model, **how):
        return Load(self.address, host, model, **how)
