"""ctl when servers refuse, stall, break off or talk nonsense, and when the person before it errs."""

import json
import os
import subprocess
import time

import pytest

from ctl import Ctl, Fake, json_reply, problem, rollout

WHOAMI = {"name": "ci", "role": "writer"}
BUSY = problem(503, "UNAVAILABLE", "too many requests under way", {"Retry-After": "1"})


@pytest.fixture
def fake():
    f = Fake()
    yield f
    f.stop()


@pytest.fixture
def ctl(tmp_path, fake):
    return Ctl(tmp_path, registry=fake.url, rollout=fake.url, token="slc_test")


def test_a_server_that_is_away_is_named_with_the_flag_that_says_where_it_is(tmp_path):
    ctl = Ctl(tmp_path)
    done = ctl.fails(6, "registryd does not answer", "models")
    assert "--registry or SLUICE_REGISTRY" in done.stderr and ctl.env["SLUICE_REGISTRY"] in done.stderr
    done = ctl.fails(6, "rolloutd does not answer", "rollback", "credit")
    assert "--rollout or SLUICE_ROLLOUT" in done.stderr
    done = ctl.run("version")
    assert done.stdout.count("away") == 2 and done.stderr == ""


def test_without_a_token_it_says_how_to_give_one(tmp_path, fake):
    fake.on("GET", "/v1/models", problem(401, "UNAUTHORIZED", "a token is needed"))
    ctl = Ctl(tmp_path, registry=fake.url)
    done = ctl.fails(3, "a token is needed", "models")
    for way in ("--token-file", "SLUICE_TOKEN_FILE", "SLUICE_TOKEN", "ctl.yaml"):
        assert way in done.stderr
    done = ctl.fails(3, "a token is needed", "models", env={"SLUICE_TOKEN": "slc_secret"})
    assert "does not know this token" in done.stderr and "slc_secret" not in done.stderr


def test_a_role_that_may_not_is_told_which_one_may(ctl, fake):
    fake.on("POST", "/v1/rollouts/credit", problem(403, "FORBIDDEN", "this needs the role deployer"))
    assert "hint: ctl whoami" in ctl.fails(3, "this needs the role deployer", "rollout", "start", "credit", "2").stderr


def test_a_refusal_names_one_role_even_where_a_command_can_need_two(ctl, fake):
    fake.on("PUT", "/v1/models/credit/aliases/champion", problem(403, "FORBIDDEN", "this needs the role deployer"))
    done = ctl.fails(3, "this needs the role deployer", "alias", "credit", "champion", "2")
    assert done.stderr.count("role deployer") == 1 and "reader" not in done.stderr


@pytest.mark.parametrize("status, title, code", [
    (400, "INVALID", 2), (401, "UNAUTHORIZED", 3), (403, "FORBIDDEN", 3), (404, "NOT_FOUND", 4), (409, "CONFLICT", 5),
    (412, "PRECONDITION", 5), (413, "TOO_LARGE", 2), (416, "RANGE", 2), (500, "INTERNAL", 1), (504, "TIMEOUT", 6)])
def test_the_exit_code_is_the_kind_of_error(ctl, fake, status, title, code):
    fake.on("POST", "/v1/rollouts/credit/pause", problem(status, title, "the reason why"))
    ctl.fails(code, "the reason why", "rollout", "pause", "credit")
    assert fake.count("POST", "/v1/rollouts/credit/pause") == 1


def test_a_busy_server_is_asked_again_after_the_pause_it_wants(ctl, fake):
    fake.on("GET", "/v1/whoami", BUSY, json_reply(200, WHOAMI))
    begun = time.monotonic()
    done = ctl.run("whoami", "-o", "name")
    assert done.stdout == "ci\n" and time.monotonic() - begun >= 1
    assert "trying again in 1s" in done.stderr
    assert fake.count("GET", "/v1/whoami") == 2


def test_a_pause_longer_than_the_timeout_is_not_waited_for(ctl, fake):
    fake.on("GET", "/v1/whoami", problem(503, "UNAVAILABLE", "restoring", {"Retry-After": "3600"}))
    ctl.fails(6, "restoring", "whoami", "--timeout", "2s")
    assert fake.count("GET", "/v1/whoami") == 1


@pytest.mark.parametrize("args, path", [
    (["rollback", "credit"], "/v1/rollouts/credit/rollback"),
    (["rollout", "promote", "credit"], "/v1/rollouts/credit/promote"),
    (["rollout", "start", "credit", "2"], "/v1/rollouts/credit"),
    (["token", "create", "ci", "reader"], "/v1/tokens")])
def test_what_must_not_happen_twice_is_asked_once(ctl, fake, args, path):
    fake.on("POST", path, BUSY, json_reply(202, rollout()))
    ctl.fails(6, "too many requests", *args)
    assert fake.count("POST", path) == 1


def test_patience_ends(ctl, fake):
    fake.on("GET", "/v1/whoami", problem(503, "UNAVAILABLE", "no"))
    ctl.fails(6, "no", "whoami")
    assert 2 <= fake.count("GET", "/v1/whoami") <= 4


def test_a_silent_server_is_left_after_the_timeout(ctl, fake):
    fake.on("GET", "/v1/whoami", lambda handler: time.sleep(1.5))
    ctl.fails(6, "registryd does not answer", "whoami", "--timeout", "300ms")


def test_a_server_of_another_kind_is_noticed(ctl, fake):
    fake.on("GET", "/v1/whoami", (200, {"Content-Type": "text/html"}, b"<html>welcome</html>"))
    ctl.fails(6, "is no registryd: it did not send JSON", "whoami")
    fake.on("GET", "/v1/models", json_reply(200, {"something": "else"}))
    ctl.fails(1, "answered without \"models\"", "models")
    fake.on("GET", "/v1/whoami", (502, {"Content-Type": "text/html"}, b"<html>bad gateway</html>"))
    ctl.fails(6, "HTTP status 502", "whoami", "--timeout", "500ms")


def test_a_broken_answer_is_no_answer(ctl, fake):
    def cut(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"name\":")

    fake.on("GET", "/v1/whoami", cut)
    ctl.fails(6, "registryd does not answer", "whoami", "--timeout", "500ms")


def test_words_of_a_server_cannot_steer_the_terminal(ctl, fake):
    evil = "\x1b[2J\x1b]0;title\x07 \u009b31m"
    fake.on("GET", "/v1/models", json_reply(200, {"models": [{"name": "m", "description": evil}], "next": None}))
    fake.on("GET", "/v1/models/m", problem(404, "NOT_FOUND", evil))
    for text in (ctl.run("models").stdout, ctl.fails(4, "", "models", "m").stderr):
        assert not set(text) & set("\x1b\x07\u009b")


def test_lists_are_read_to_their_end(ctl, fake):
    def page(n, following):
        return json_reply(200, {"models": [{"name": f"m{n}"}], "next": following})

    fake.on("GET", "/v1/models", page(1, "m1"), page(2, "m2"), page(3, None))
    assert ctl.run("models", "-o", "name").stdout == "m1\nm2\nm3\n"
    assert [path for _, path, _, _ in fake.seen] == [
        "/v1/models?limit=100", "/v1/models?limit=100&after=m1", "/v1/models?limit=100&after=m2"]


def test_json_is_the_servers_own(ctl, fake):
    raw = b'{"name":"ci", "role":"writer","share":5.08,"new":{"b":1,"a":[]}}'
    fake.on("GET", "/v1/whoami", (200, {"Content-Type": "application/json"}, raw))
    assert ctl.run("whoami", "-o", "json").stdout.encode() == raw + b"\n"
    code, text = ctl.on_terminal("whoami", "-o", "json")
    assert code == 0 and '"share": 5.08,\r\n  "new": {\r\n    "b": 1,' in text


def test_output_that_cannot_be_written_is_an_error(ctl, fake):
    fake.on("GET", "/v1/whoami", json_reply(200, WHOAMI))
    with open("/dev/full", "wb") as full:
        done = ctl.run("whoami", stdout=full, expect=1)
        assert "standard output could not be written: No space left on device" in done.stderr
        ctl.run("help", stdout=full, expect=1)
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb") as pipe:
        assert "Broken pipe" in ctl.run("whoami", stdout=pipe, expect=1).stderr


def test_colour_is_for_terminals_that_want_it(ctl, fake):
    fake.on("GET", "/v1/rollouts", json_reply(200, {"rollouts": [rollout()]}))
    assert "\x1b[" not in ctl.run("rollout", "status").stdout
    assert "\x1b[33mCANARY" in ctl.on_terminal("rollout", "status")[1]
    for plain in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b[" not in ctl.on_terminal("rollout", "status", env=plain)[1]
    assert "\x1b[" not in ctl.on_terminal("rollout", "status", "--no-color")[1]


# --- settings ---

def test_flags_win_over_environment_and_environment_over_the_file(tmp_path, fake):
    fake.on("GET", "/v1/whoami", json_reply(200, WHOAMI))
    ctl = Ctl(tmp_path)
    secret = tmp_path / "secret"
    secret.write_text("slc_of_the_file\n")
    config = ctl.home / ".config/sluice/ctl.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(f"registry: {fake.url}/\ntoken_file: {secret}\noutput: name\n")
    del ctl.env["SLUICE_REGISTRY"]

    def bearer():
        return fake.seen[-1][2]["Authorization"]

    assert ctl.run("whoami").stdout == "ci\n" and bearer() == "Bearer slc_of_the_file"
    ctl.run("whoami", env={"SLUICE_TOKEN": "slc_of_the_environment"})
    assert bearer() == "Bearer slc_of_the_environment"
    other = tmp_path / "other"
    other.write_text("slc_of_the_flag\nmore\n")
    ctl.run("whoami", "--token-file", other, env={"SLUICE_TOKEN": "slc_of_the_environment"})
    assert bearer() == "Bearer slc_of_the_flag"
    assert ctl.run("whoami", "-o", "table").stdout.startswith("NAME")
    ctl.fails(6, "registryd does not answer", "whoami", env={"SLUICE_REGISTRY": "http://127.0.0.1:1"})


@pytest.mark.parametrize("text, sentence", [
    ("registri: http://h\n", "line 1: there is no setting \"registri\""), ("registry: [1]\n", "expected \"name: value\""),
    ("registry: localhost\n", "is no address like"), ("timeout: soon\n", "\"soon\" is not like"),
    ("output: xml\n", "there is no output format"), ("registry: \"\"\n", "the address of the registry is empty")])
def test_a_wrong_file_is_misuse(ctl, text, sentence):
    path = ctl.home / "wrong.yaml"
    path.write_text(text)
    clean = {k: v for k, v in ctl.env.items() if k not in ("SLUICE_REGISTRY", "SLUICE_ROLLOUT")}
    done = subprocess.run(ctl.command("models", "--config", path), env=clean, cwd=ctl.cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and sentence in done.stderr
    assert subprocess.run(ctl.command("help"), env={**clean, "SLUICE_CONFIG": str(path)}, cwd=ctl.cwd, check=False,
                          stdout=subprocess.DEVNULL).returncode == 0


def test_a_token_file_that_is_absent_or_empty_is_misuse(ctl, tmp_path):
    ctl.fails(2, "--token-file", "models", "--token-file", tmp_path / "none")
    (tmp_path / "empty").write_text("\n")
    ctl.fails(2, "holds no text in its first line", "models", "--token-file", tmp_path / "empty")


def test_an_empty_variable_for_the_token_file_is_as_good_as_none(ctl, fake):
    fake.on("GET", "/v1/whoami", json_reply(200, WHOAMI))
    assert ctl.run("whoami", "-o", "name", env={"SLUICE_TOKEN_FILE": ""}).stdout == "ci\n"
    assert fake.seen[-1][2]["Authorization"] == "Bearer slc_test"


def test_a_token_on_the_command_line_is_refused_and_not_repeated(ctl):
    assert "slc_x" not in ctl.fails(2, "does not go on the command line", "models", "--token", "slc_x").stderr


# --- tokens ---

def test_a_saved_token_is_for_its_owner_alone(ctl, fake):
    fake.on("POST", "/v1/tokens", json_reply(201, {"name": "ci", "role": "writer", "token": "slc_new"}))
    done = ctl.run("token", "create", "ci", "writer", "--save", "ci.token")
    path = ctl.cwd / "ci.token"
    assert path.read_text() == "slc_new\n" and path.stat().st_mode & 0o777 == 0o600
    assert "slc_new" not in done.stdout + done.stderr
    ctl.fails(2, "ci.token exists", "token", "create", "ci", "writer", "--save", "ci.token")
    assert fake.count("POST", "/v1/tokens") == 1
    assert ctl.run("token", "create", "ci", "writer", "-q").stdout == "slc_new\n"


def test_no_file_is_left_when_no_token_came(ctl, fake):
    fake.on("POST", "/v1/tokens", problem(409, "CONFLICT", "there is a token \"ci\""))
    ctl.fails(5, "there is a token", "token", "create", "ci", "writer", "--save", "ci.token")
    assert not (ctl.cwd / "ci.token").exists()


# --- rollback ---

def test_a_rollback_is_one_request_and_says_what_stands_now(ctl, fake):
    fake.on("POST", "/v1/rollouts/credit/rollback", json_reply(202, rollout(phase="ROLLING_BACK", weight_asked=0)))
    done = ctl.run("rollback", "credit", "--to", "1", "--reason", "because")
    assert "all traffic is on version 1 again, after" in done.stdout and "version 2 has 0 %, was last seen with 5.08 %" in done.stdout
    assert len(fake.seen) == 1 and fake.bodies("POST", "/v1/rollouts/credit/rollback") == [{"reason": "because", "to": 1}]


def test_steering_sends_what_was_asked(ctl, fake):
    for verb in ("pause", "resume", "promote", "abort"):
        fake.on("POST", f"/v1/rollouts/credit/{verb}", json_reply(202, rollout()))
    fake.on("POST", "/v1/rollouts/credit", json_reply(202, rollout(phase="PENDING")))
    ctl.run("rollout", "pause", "credit")
    ctl.run("rollout", "resume", "credit", "-m", "back")
    ctl.run("rollout", "promote", "credit", "--full")
    ctl.run("rollout", "abort", "credit", "--reason", "no")
    ctl.run("rollout", "start", "credit", "2")
    ctl.run("rollout", "start", "credit", "@champion", "-p", "fast", "--reason", "go")
    assert [json.loads(body) for _, _, _, body in fake.seen] == [
        {}, {"reason": "back"}, {"full": True}, {"reason": "no"}, {"version": 2},
        {"version": "@champion", "policy": "fast", "reason": "go"}]
