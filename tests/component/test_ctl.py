"""ctl with the real registryd and rolloutd, as people and CI use it."""

import os
import re
import subprocess

import pytest

from ctl import Ctl
from sluice import BIN, ROOT, Daemon, free_port, wait_until

MODELS = ROOT / "demo/models"


@pytest.fixture
def ctl(tmp_path, registry):
    return Ctl(tmp_path, registry=registry.daemon.url, token=registry.token("admin"))


def as_role(registry, role):
    return {"SLUICE_TOKEN": registry.token(role)}


# --- the registry ---

def test_a_model_goes_up_and_comes_down_the_same(ctl):
    data = os.urandom(3_000_000)
    (ctl.cwd / "model.ubj").write_bytes(data)
    (ctl.cwd / "notes.txt").write_text("by hand\n")
    done = ctl.run("push", "loans", "model.ubj", "notes.txt=docs/notes.txt", "--meta", "auc:=0.91", "--meta", "by=ann", "-d", "first")
    assert "loans version 1 is registered: 2 files, 2.9 MiB" in done.stdout and "created the model loans" in done.stderr
    assert "nothing changed" in ctl.run("push", "loans", "model.ubj", "notes.txt=docs/notes.txt", "--meta", "by=ann", "--meta",
                                        "auc:=0.91").stdout
    assert ctl.run("push", "loans", "model.ubj", "-o", "name", "-q", "--alias", "champion").stdout == "2\n"
    assert ctl.run("pull", "loans", "1", "-o", "name").stdout == "loans-1\n"
    assert (ctl.cwd / "loans-1/model.ubj").read_bytes() == data
    assert (ctl.cwd / "loans-1/docs/notes.txt").read_text() == "by hand\n"
    ctl.run("pull", "loans", "@champion", "here")
    assert os.listdir(ctl.cwd / "here") == ["model.ubj"]
    shown = ctl.run("versions", "loans", "1").stdout
    assert re.search(r"metadata.auc +0.91\n", shown) and re.search(r"description +first\n", shown)
    assert ctl.run("versions", "loans", "-o", "name").stdout == "2\n1\n"
    assert "there are more; --limit 0" in ctl.run("versions", "loans", "--limit", "1").stderr


def test_a_transfer_that_broke_off_goes_on_with_a_range(ctl):
    data = os.urandom(5_000_000)
    (ctl.cwd / "model.ubj").write_bytes(data)
    ctl.run("push", "ranges", "model.ubj")
    digest = re.search(r"sha256:(\w{12})", ctl.run("versions", "ranges", "1").stdout.split("files")[1])[1]
    (ctl.cwd / "ranges-1").mkdir()
    (ctl.cwd / f"ranges-1/model.ubj.{digest}.part").write_bytes(data[:4_000_000])
    assert "976.6 KiB of it fetched now" in ctl.run("pull", "ranges", "1").stdout
    assert (ctl.cwd / "ranges-1/model.ubj").read_bytes() == data


def test_an_alias_moves_only_from_where_it_was_seen(ctl):
    for n in range(3):
        (ctl.cwd / "m").write_text(str(n))
        ctl.run("push", "aliased", "m")
    assert "aliased: champion is version 1 (revision 1)" in ctl.run("alias", "aliased", "champion", "1", "--if-revision", "0").stdout
    ctl.run("alias", "aliased", "champion", "2", "--if-revision", "1", "--reason", "better")
    done = ctl.fails(5, "revision 2", "alias", "aliased", "champion", "3", "--if-revision", "1")
    assert "hint: somebody moved it" in done.stderr
    ctl.run("alias", "aliased", "challenger", "@champion")
    assert ctl.run("alias", "aliased", "-o", "name").stdout == "challenger\nchampion\n"
    assert re.search(r"2 +1 +2 .* better", ctl.run("alias", "aliased", "champion", "--history").stdout)
    ctl.run("alias", "aliased", "champion", "--delete", "--reason", "50 % & more: größer?")
    assert re.search(r"3 +2 +- .* 50 % & more: größer\?", ctl.run("alias", "aliased", "champion", "--history").stdout)
    ctl.fails(4, "champion", "alias", "aliased", "champion")


def test_roles_hold(ctl, registry):
    (ctl.cwd / "m").write_text("x")
    done = ctl.fails(3, "", "push", "roles", "m", env=as_role(registry, "reader"))
    assert "needs the role writer" in done.stderr
    ctl.run("push", "roles", "m", env=as_role(registry, "writer"))
    ctl.fails(3, "version 1 is registered, but not as champion", "push", "roles", "m", "--alias", "champion",
              env=as_role(registry, "writer"))
    ctl.run("alias", "roles", "champion", "1", env=as_role(registry, "deployer"))
    assert ctl.run("whoami", "-o", "name", env=as_role(registry, "deployer")).stdout == "a-deployer\n"


def test_a_token_lives_from_create_to_delete(ctl):
    ctl.run("token", "create", "nightly", "reader", "--save", "nightly.token")
    with_token = {"SLUICE_TOKEN_FILE": str(ctl.cwd / "nightly.token")}
    assert ctl.run("whoami", env=with_token).stdout.split() == ["NAME", "ROLE", "nightly", "reader"]
    assert re.search(r"nightly +reader", ctl.run("token", "list").stdout)
    ctl.run("token", "delete", "nightly")
    assert "does not know this token" in ctl.fails(3, "", "whoami", env=with_token).stderr
    ctl.fails(4, "nightly", "token", "delete", "nightly")


def test_what_is_not_there_is_told_by_name(ctl):
    ctl.fails(4, "there is no model \"nothing\"", "models", "nothing")
    (ctl.cwd / "m").write_text("x")
    ctl.run("push", "lonely", "m")
    ctl.fails(4, "no version 9", "pull", "lonely", "9")
    ctl.fails(4, "no alias \"nobody\"", "pull", "lonely", "@nobody")


# --- completion, by the shell itself ---

def complete(ctl, line, env=None):
    script = 'source <("$CTL" completion bash); COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=("$CTL"); _ctl; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-euc", script, "bash", line], env={**ctl.env, "CTL": str(BIN / "ctl"), **(env or {})}, cwd=ctl.cwd,
                          capture_output=True, text=True, timeout=20, check=False)
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if line]


def test_bash_completes_words_names_and_files(ctl):
    (ctl.cwd / "model one.ubj").write_text("x")
    (ctl.cwd / "mdir").mkdir()
    ctl.run("push", "shell", "model one.ubj", "--alias", "champion")
    assert complete(ctl, "ctl rollout res") == ["resume"]
    assert complete(ctl, "ctl models shel") == ["shell"]
    assert complete(ctl, "ctl pull shell ") == ["1", "@champion"]
    assert complete(ctl, "ctl alias shell ch") == ["champion"]
    assert complete(ctl, "ctl models --output=j") == ["json"]
    assert sorted(complete(ctl, "ctl push shell m")) == ["mdir", "model one.ubj"]
    assert complete(ctl, "ctl pull shell 1 m") == ["mdir"]
    assert complete(ctl, "ctl models shel", env={"SLUICE_REGISTRY": "http://127.0.0.1:1"}) == []


def test_shellcheck_finds_nothing_in_the_completion(ctl):
    script = ctl.run("completion", "bash").stdout
    done = subprocess.run(["shellcheck", "--shell=bash", "-"], input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


# --- rollouts ---

@pytest.fixture(scope="module")
def controller(registry, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rolloutd")
    token = folder / "token"
    token.write_text(registry.token("admin"))
    daemon = Daemon("rolloutd", "--state-dir", folder / "state", "--policies", ROOT / "policies", "--default-policy", "fast",
                    "--registry", registry.daemon.url, "--registry-token-file", token, "--admin-token-file", token,
                    "--prometheus", f"http://127.0.0.1:{free_port()}", "--traffic-listen", f"127.0.0.1:{free_port()}",
                    "--stop-serving-on-exit", "--scorer-drain", "10ms", log=folder / "rolloutd.log")
    try:
        yield daemon.start()
    finally:
        daemon.stop()
        print(daemon.log_text())


@pytest.fixture
def pilot(ctl, controller):
    ctl.env["SLUICE_ROLLOUT"] = controller.url
    return ctl


def test_from_the_first_version_to_a_rollback(pilot):
    """Nobody measures here, so a person promotes: without evidence nothing moves by itself."""
    for name in ("v1.json", "v2.ubj"):
        pilot.run("push", "credit", MODELS / name)
    done = pilot.run("rollout", "start", "credit", "1", "--watch", "--reason", "first")
    assert done.stdout.splitlines()[-1].endswith("DONE          1  version 1 has all the traffic")
    pilot.fails(5, "no earlier version", "rollback", "credit")

    assert "PENDING       1 -> 2" in pilot.run("rollout", "start", "credit", "2").stdout
    pilot.fails(5, "under way", "rollout", "start", "credit", "1")
    assert "paused" in pilot.run("rollout", "pause", "credit", "--reason", "lunch").stdout
    assert re.search(r"credit +PENDING \(paused\) +1 -> 2 +\[5 %\] > 25 % > 100 %", pilot.run("rollout", "status").stdout)
    pilot.run("rollout", "resume", "credit")
    watch = pilot.start("rollout", "watch", "credit")
    wait_until(lambda: pilot.run("rollout", "promote", "credit", "--full", expect=None).returncode == 0, "version 2 is ready")
    out, errors = watch.communicate(timeout=30)
    assert watch.returncode == 0, out + errors
    assert "version 2 has all the traffic" in out

    done = pilot.run("rollback", "credit", "--reason", "complaints")
    assert re.search(r"credit: all traffic is on version 1 again, after \d+ ms\ncredit: version 2 has 0 %", done.stdout)
    pilot.run("rollout", "watch", "credit", expect=7)
    assert re.search(r"phase +ROLLED_BACK\nversion +1\n", pilot.run("rollout", "status", "credit").stdout)
    assert re.search(r"go back to +version 2 for .+ \(rolled back from; only with --to 2\)", pilot.run("rollout", "status", "credit").stdout)
    pilot.fails(5, "--to takes 2", "rollback", "credit")
    pilot.run("rollback", "credit", "--to", "2")
    pilot.fails(5, "version 7", "rollback", "credit", "--to", "7")

    history = pilot.run("history", "credit", "--limit", "0").stdout
    for line in (r"started +DONE -> PENDING", r"paused +PENDING .*lunch", r"rolling-back +DONE -> ROLLING_BACK .*complaints"):
        assert re.search(line, history), history


def test_a_model_that_does_not_load_is_rolled_back_with_its_reason(pilot):
    pilot.run("push", "broken", MODELS / "v1.json=model.json")
    pilot.run("rollout", "start", "broken", "1", "--watch")
    (pilot.cwd / "model.json").write_text("{}")
    pilot.run("push", "broken", "model.json")
    pilot.fails(4, "nobody", "rollout", "start", "broken", "@nobody")
    done = pilot.run("rollout", "start", "broken", "2", "--watch", expect=7)
    why = r"ROLLED_BACK   1  version 1 has all the traffic: the candidate cannot start: exit status \d+: cannot serve: .*model\.json"
    assert re.search(why, done.stdout), done.stdout
    pilot.run("push", "hopeless", "model.json")
    done = pilot.run("rollout", "start", "hopeless", "1", "--watch", expect=7)
    assert re.search(r"the first version cannot start: exit status \d+: cannot serve: .*model\.json", done.stdout), done.stdout


def test_policies_are_listed_and_completed(pilot):
    assert re.search(r"fast +5 % > 25 % > 100 %", pilot.run("policies").stdout)
    assert complete(pilot, "ctl rollout start credit 1 --policy ins") == ["instant"]
    done = pilot.fails(2, "there is no policy \"slow\"", "rollout", "start", "credit", "1", "--policy", "slow")
    assert "ctl policies" in done.stderr


def test_rolloutd_takes_the_registrys_roles(pilot, registry):
    pilot.fails(3, "", "rollout", "abort", "credit", env=as_role(registry, "reader"))


def test_version_asks_both_servers(pilot):
    lines = pilot.run("version").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ctl", "registryd", "rolloutd"]
    assert len({line.split()[1] for line in lines}) == 1  # built together
