"""Sluice as the chart installs it: helm against the test cluster, with a PostgreSQL outside of it."""
import base64
import os
import pathlib
import subprocess
import sys
from urllib.parse import urlsplit

import yaml

ROOT = pathlib.Path(__file__).parents[2]
CHART = ROOT / "charts/sluice"
BIN = pathlib.Path(os.environ.get("SLUICE_BIN", ROOT / "build/release/bin")).resolve()
IMAGE = "sluice:test"
PATIENCE_S = 120

sys.path.append(str(ROOT / "tests/component"))
from postgres import Postgres  # noqa: E402


class OpenPostgres(Postgres):
    """One that pods can reach."""

    address, port = os.environ.get("SLUICE_TEST_NET"), 5432

    def options(self):
        return {**super().options(), "listen_addresses": self.address, "port": self.port}

    def _spawn(self):
        (self.data / "pg_hba.conf").write_text("local all all trust\nhost all all 10.244.0.0/16 trust\n")
        super()._spawn()

    def uri(self):
        """Of a new database."""
        name = urlsplit(self.new_database()).path.strip("/")
        return f"postgresql://sluice@{self.address}:{self.port}/{name}"


class Installation:
    """One release of the chart. Values are merged over those that the test cluster needs."""

    def __init__(self, cluster, kubelet, folder, namespace, name="sluice"):
        self.cluster, self.folder, self.namespace, self.name = cluster, pathlib.Path(folder), namespace, name
        if kubelet:
            kubelet.images[IMAGE] = {"command": ["ctl"], "env": {"PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin"}}

    def helm(self, *args, check=True):
        r = subprocess.run([f"{self.cluster.bin}/helm", "--kubeconfig", self.cluster.kubeconfig, "--namespace", self.namespace,
                            *map(str, args)], capture_output=True, text=True, timeout=PATIENCE_S)
        assert not check or r.returncode == 0, r.stderr + r.stdout
        return r.stdout

    def with_values(self, verb, values, *args):
        path = self.folder / f"{self.name}-values.yaml"
        repository, tag = IMAGE.split(":")
        path.write_text(yaml.safe_dump({"image": {"repository": repository, "tag": tag}, **values}))
        return self.helm(verb, self.name, CHART, "-f", path, *args)

    def install(self, values, *args):
        return self.with_values("install", values, "--create-namespace", *args)

    def service(self, api, program):
        """Where the cluster answers for it."""
        o = api.get(f"/api/v1/namespaces/{self.namespace}/services/{self.name}-{program}")
        return f"http://{o['spec']['clusterIP']}:{o['spec']['ports'][0]['port']}"

    def token(self, api):
        """The administrator's."""
        o = api.get(f"/api/v1/namespaces/{self.namespace}/secrets/{self.name}-admin")
        return base64.b64decode(o["data"]["token"]).decode()

    def upgrade(self, values, *args):
        return self.with_values("upgrade", values, *args)

    def uninstall(self):
        return self.helm("uninstall", self.name, "--wait")
