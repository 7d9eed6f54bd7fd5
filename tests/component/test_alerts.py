"""The alert rules: in order, about metrics that there are, and firing when they should."""

import pathlib
import re
import subprocess

from sluice import ROOT

RULES = ROOT / "charts/sluice/alerts.yaml"


def promtool(*args):
    done = subprocess.run(["promtool", *map(str, args)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_in_order():
    promtool("check", "rules", RULES)


def test_the_rules_fire_when_they_should():
    promtool("test", "rules", pathlib.Path(__file__).parent / "alerts_test.yaml")


def test_the_rules_are_about_metrics_that_there_are():
    named = {m for d in ("rolloutd", "registryd") for m in re.findall(r'"((?:rolloutd|registryd)_\w+)"', (ROOT / d / "metrics.def").read_text())}
    used = {re.sub("_bucket$", "", m) for m in re.findall(r"(?:rolloutd|registryd)_\w+", RULES.read_text())}
    assert used and used <= named, used - named


def test_every_rule_is_in_the_handbook():
    handbook = (ROOT / "docs/operations.md").read_text()
    for name in re.findall(r"alert: (\w+)", RULES.read_text()):
        assert f"`{name}`" in handbook, name
