"""docs/kubernetes.md says what is so: values, commands, conditions and reasons that exist."""

import re
import subprocess

import pytest
import yaml

from chart import BIN, CHART, LEAST, ROOT, objects, template

GUIDE = (ROOT / "docs/kubernetes.md").read_text()
SOURCES = "\n".join(p.read_text() for p in sorted((ROOT / "rolloutd").glob("*.[ch]")))


def blocks():
    """The YAML blocks; lines that belong into another document are indented in the text."""
    return re.findall(r"^```yaml\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def test_values_that_are_named_exist():
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    named = set(re.findall(r"--set ([a-zA-Z.]+)=", GUIDE)) | set(
        re.findall(r"`((?:rolloutd|registryd|monitors|networkPolicy|postgres|adminToken|prometheus)\.[a-zA-Z.]+)=?", GUIDE))
    assert len(named) > 10
    for path in named - {"monitors.labels.release"}:
        at = values
        for key in path.split("."):
            assert key in at, path
            at = at[key]


def test_commands_that_are_named_exist():
    named = set(re.findall(r"(?:^    |`)ctl ([a-z]+(?: (?:start|status|watch|pause|resume|promote|retry|abort|create|list|delete|set|show))?)", GUIDE,
                           re.MULTILINE))
    assert {"rollback", "rollout watch", "push"} <= named
    for command in named:
        r = subprocess.run([BIN / "ctl", "help", *command.split()], capture_output=True, text=True)
        assert r.returncode == 0, f"ctl {command}: {r.stderr}"


@pytest.mark.parametrize("text", [b for b in blocks() if not b.startswith("  resource.custom")])
def test_yaml_blocks_are_yaml(text):
    assert list(yaml.safe_load_all(text))


def test_the_install_command_renders():
    command = re.search(r"helm install sluice charts/sluice.*?\n\n", GUIDE, re.DOTALL)[0]
    sets = re.findall(r"--set (\S+)", command)
    assert len(sets) >= 3
    r = template({}, *[f"--set={s}" for s in sets])
    assert r.returncode == 0, r.stderr


def test_objects_that_are_named_are_those_of_the_chart():
    names = {(o["kind"].lower(), o["metadata"]["name"]) for o in objects({"postgres": {"existingSecret": "x"}})}
    assert {("service", "sluice-registryd"), ("service", "sluice-rolloutd"), ("secret", "sluice-admin")} <= names
    for kind, name in re.findall(r"\b(service|deployment)/(sluice-\w+)", GUIDE):
        assert (kind, name) in names


def test_conditions_and_reasons_are_those_of_rolloutd():
    table = GUIDE[GUIDE.index("| condition | reason |"):]
    table = table[:table.index("\n\n")]
    told = {r for row in table.split("\n")[2:] for r in re.findall(r"`([A-Z][a-zA-Z]+)`", row.split("|")[2])}
    # What asks somebody to look: troubles of the spec, and reasons of a condition that is not as it should be.
    troubles = set(re.findall(r'\.reason = "(\w+)"|want_trouble\(\w+, "(\w+)"|\*reason = "(\w+)"|snprintf\(out->reason, sizeof out->reason, "([A-Z]\w+)"\)', SOURCES))
    troubles = {r for found in troubles for r in found if r} | set(re.findall(r'[?:] "(\w+(?:NotFound|Unavailable))"', SOURCES))
    said = set(re.findall(r'\bsay\([^";]*"([A-Z]\w+)"', SOURCES))
    passing = {"NotSeen", "NoTraffic", "NotFollowedYet", "NotPaused", "NotRolledBack", "NotComplete", "NotStalled", "Serving", "Verified", "Accepted", "Complete",
               "Healthy", "RollingBack"}
    gates = {"ErrorRate", "Latency"}
    assert told - gates <= troubles | said, "documented, but rolloutd does not say it"
    assert (troubles | said) - passing <= told, "rolloutd says it, but the guide does not"
