"""The image's recipe, as far as it can be checked without building it: what it installs is what the programs need."""

import re
import subprocess

import yaml

from chart import BIN, CHART, ROOT

RECIPE = re.sub(r"\\\n", " ", (ROOT / "tools/image/Dockerfile").read_text())
PROGRAMS = {"registryd", "rolloutd", "scorer", "ctl"}


def stages():
    """The lines of each stage."""
    return [s.strip().split("\n") for s in re.split(r"^FROM ", RECIPE, flags=re.MULTILINE)[1:]]


def owner(library):
    """The package that this machine has it from."""
    path = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    at = re.search(rf"{re.escape(library)} .* => (\S+)", path)[1]
    real = subprocess.run(["readlink", "-f", at], capture_output=True, text=True, check=True).stdout.strip()
    for name in (real, real.removeprefix("/usr"), "/usr" + real):  # /lib is a link to /usr/lib; dpkg knows one of the two
        r = subprocess.run(["dpkg", "-S", name], capture_output=True, text=True)
        if r.returncode == 0:
            return r.stdout.split(":")[0]
    raise AssertionError(f"no package has {real}")


def needed():
    for program in PROGRAMS:
        text = subprocess.run(["readelf", "-d", BIN / program], capture_output=True, text=True, check=True).stdout
        yield from re.findall(r"NEEDED.*\[(.*)\]", text)


def test_packages_are_those_of_the_libraries_that_the_programs_need():
    installed = set(re.search(r"--no-install-recommends\s+(.*?) *&& rm", " ".join(stages()[1]))[1].split())
    assert installed - {"ca-certificates"} == {owner(l) for l in set(needed())} - {"libc6"}


def test_all_programs_are_in_it_and_nobody_is_root():
    last = stages()[1]
    copied = re.findall(r"/src/build/release/bin/(\w+)", "\n".join(last))
    assert set(copied) == PROGRAMS and "USER 65532:65532" in last


def test_what_is_copied_exists():
    for line in stages()[0]:
        if line.startswith("COPY "):
            for name in line.split()[1:-1]:
                assert (ROOT / name).exists(), name


def test_versions_agree():
    version = re.search(r'"([0-9][^"]*)"', (ROOT / "lib/version.h").read_text())[1]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == version == chart["version"]
    assert f"-t sluice:{version} ." in RECIPE
