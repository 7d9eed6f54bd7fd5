"""What the chart's tests share: helm, the programs' settings tables, golden files."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "charts/sluice"
BIN = pathlib.Path(os.environ.get("SLUICE_BIN", ROOT / "build/release/bin"))
UPDATE = os.environ.get("SLUICE_GOLDEN") == "update"

# Settings that the chart gives itself, and those that mean nothing in a pod.
SET_BY_CHART = {
    "registryd": {"listen", "db", "data_dir", "admin_token_file", "postgres_bin_dir", "postgres_user"},
    "rolloutd": {"listen", "state_dir", "admin_token_file", "registry", "registry_token", "prometheus", "scrape_interval", "policies",
                 "platform", "kubeconfig", "kube_context", "kube_namespace", "kube_lease", "kube_identity", "kube_pod", "kube_registry_secret"},
}
TYPES = {
    "STRING": {"type": "string"},
    "INT": {"type": "integer"},
    "BOOL": {"type": "boolean"},
    "DURATION": {"$ref": "#/$defs/duration"},
    "SIZE": {"$ref": "#/$defs/size"},
}

# Values that every installation has to give.
LEAST = {"postgres": {"existingSecret": "registry-postgres"}, "adminToken": {"existingSecret": "registry-admin"}}


def helm(*args):
    return subprocess.run(["helm", *map(str, args)], capture_output=True, text=True, timeout=60)


def with_values(values, *args):
    """helm ... -f a file with these values."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        yaml.safe_dump(values, f)
        f.flush()
        return helm(*args, "-f", f.name)


def template(values, *args, release="sluice", namespace="sluice-system"):
    return with_values(values, "template", release, CHART, "--namespace", namespace, *args)


def render(values, *args, **names):
    """The rendered objects as text."""
    r = template(values, *args, **names)
    assert r.returncode == 0, r.stderr
    return r.stdout


def objects(values, *args, **names):
    return [o for o in yaml.safe_load_all(render(values, *args, **names)) if o]


def pick(found, kind, name):
    """The one object of this kind and name."""
    match = [o for o in found if o["kind"] == kind and o["metadata"]["name"] == name]
    assert len(match) == 1, f"{len(match)} {kind} {name} among {[(o['kind'], o['metadata']['name']) for o in found]}"
    return match[0]


def same_as_golden(path, text):
    """The file's text is this; `make golden` makes it so."""
    if UPDATE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert path.exists() and path.read_text() == text, f"{path.relative_to(ROOT)} differs; if it should, run make golden"


def settings(program):
    """Rows of PROGRAM/settings.def: (name, type, help)."""
    text = (ROOT / program / "settings.def").read_text()
    rows = re.findall(r'^SETTING\((\w+), (\w+), "[^"]*", \w+,\s*"((?:[^"\\]|\\.)*)"\)', text, re.MULTILINE)
    assert rows and len(rows) == text.count("SETTING(")
    return rows


def settings_schema(program):
    """What the schema of the values says of PROGRAM.settings."""
    return {name: {**TYPES[kind], "description": text} for name, kind, text in settings(program)
            if name not in SET_BY_CHART[program] and not text.startswith("local:")}


def schema():
    return json.loads((CHART / "values.schema.json").read_text())


def refresh():
    """What the chart repeats of the rest of the project: the settings, and the policies (Flux copies no links)."""
    s = schema()
    for program in SET_BY_CHART:
        s["$defs"][f"{program}Settings"]["properties"] = settings_schema(program)
    (CHART / "values.schema.json").write_text(json.dumps(s, indent=2) + "\n")
    shutil.rmtree(CHART / "policies", ignore_errors=True)
    shutil.copytree(ROOT / "policies", CHART / "policies", ignore=lambda _, names: [n for n in names if not n.endswith(".yaml")])
