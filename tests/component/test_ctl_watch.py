"""ctl rollout watch: how it ends, what it shows, and what it does when the stream breaks."""

import json
import signal
import subprocess
import threading

import pytest

from ctl import DONE, ROLLED_BACK, Ctl, Fake, json_reply, problem, rollout, stream
from sluice import wait_until

WATCH = "/v1/rollouts/credit/watch"


@pytest.fixture
def fake():
    f = Fake()
    yield f
    f.stop()


@pytest.fixture
def ctl(tmp_path, fake):
    return Ctl(tmp_path, rollout=fake.url, token="slc_test")


def test_it_ends_well_when_the_rollout_does(ctl, fake):
    fake.on("GET", WATCH, stream(("rollout", rollout()), ("rollout", rollout(**DONE))))
    lines = ctl.run("rollout", "watch", "credit").stdout.splitlines()
    assert [line[10:].split()[0] for line in lines] == ["CANARY", "DONE"]
    assert "1 -> 2  asked 5 %, observed 5.08 %, hold left 42s" in lines[0] and "healthy: 0.2 % errors" in lines[0]
    assert "version 2 has all the traffic" in lines[1]


def test_a_rolled_back_rollout_has_its_own_exit_code(ctl, fake):
    fake.on("GET", WATCH, stream(("rollout", rollout()), ("rollout", rollout(**ROLLED_BACK))))
    assert "breach: 9 % errors, not 0.2 %" in ctl.run("rollout", "watch", "credit", expect=7).stdout


def test_a_first_version_that_is_given_up_is_no_success(ctl, fake):
    idle = rollout(phase="IDLE", stable=None, candidate=None, message="the first version cannot start")
    fake.on("GET", WATCH, stream(("rollout", rollout(phase="PENDING", stable=None)), ("rollout", idle)))
    assert "the first version cannot start" in ctl.run("rollout", "watch", "credit", expect=7).stdout
    fake.on("GET", WATCH, stream(("rollout", idle)))
    assert "no rollout of credit is under way" in ctl.run("rollout", "watch", "credit").stderr


def test_start_with_watch_follows_what_it_started(ctl, fake):
    fake.on("POST", "/v1/rollouts/credit", json_reply(202, rollout(phase="PENDING")))
    fake.on("GET", WATCH, stream(("rollout", rollout()), ("rollout", rollout(**ROLLED_BACK))))
    lines = ctl.run("rollout", "start", "credit", "2", "--watch", expect=7).stdout.splitlines()
    assert [line[10:].split()[0] for line in lines] == ["PENDING", "CANARY", "ROLLED_BACK"]


def test_another_rollout_in_its_place_is_told(ctl, fake):
    fake.on("GET", WATCH, stream(("rollout", rollout()), ("rollout", rollout(rollout_id=8))))
    ctl.fails(5, "rollout 7 of credit is over and rollout 8 has begun", "rollout", "watch", "credit")


def test_a_countdown_makes_no_lines(ctl, fake):
    ticks = [("rollout", rollout(message=f"holding {n} s more", hold_left_ms=n * 1000)) for n in range(12, 5, -1)]
    fake.on("GET", WATCH, stream(*ticks, ("rollout", rollout(**DONE))))
    assert len(ctl.run("rollout", "watch", "credit").stdout.splitlines()) == 2


def test_json_is_one_document_a_line(ctl, fake):
    docs = [rollout(), rollout(paused=True), rollout(**DONE)]
    fake.on("GET", WATCH, stream(*[("rollout", d) for d in docs], ("event", {"kind": "weight"})))
    assert [json.loads(line) for line in ctl.run("rollout", "watch", "credit", "-o", "json").stdout.splitlines()] == docs


def test_a_broken_stream_is_made_again(ctl, fake):
    fake.on("GET", WATCH, stream(("rollout", rollout())), stream(b"event: rollout\ndata: {\"cut"), problem(503, "UNAVAILABLE", "stopping"),
            stream(("rollout", rollout(step=1, weight_asked=25))), stream(("rollout", rollout(**DONE))))
    lines = ctl.run("rollout", "watch", "credit").stdout.splitlines()
    assert [line[10:].split()[0] for line in lines] == ["CANARY", "CANARY", "DONE"]
    assert fake.count("GET", WATCH) == 5


def test_it_does_not_wait_for_a_server_that_never_was_there(tmp_path):
    ctl = Ctl(tmp_path)
    done = ctl.fails(6, "connect", "rollout", "watch", "credit")
    assert "--rollout or SLUICE_ROLLOUT" in done.stderr


@pytest.mark.parametrize("reply, code, sentence", [
    (problem(404, "NOT_FOUND", "nothing of \"credit\" has been rolled out here"), 4, "nothing of"),
    (problem(401, "UNAUTHORIZED", "unknown token"), 3, "unknown token"),
    (stream(b"event: rollout\ndata: {nonsense\n\n"), 1, "rolloutd's stream"),
    (stream(b"data: " + b"x" * 1100000), 1, "over 1048576 bytes")], ids=["missing", "unknown", "nonsense", "endless"])
def test_what_will_not_get_better_ends_it(ctl, fake, reply, code, sentence):
    fake.on("GET", WATCH, reply)
    ctl.fails(code, sentence, "rollout", "watch", "credit")
    assert fake.count("GET", WATCH) == 1


def test_later_kinds_of_events_are_passed_over(ctl, fake):
    fake.on("GET", WATCH, stream(b": hello\n\nevent: weather\ndata: {}\n\n", ("rollout", rollout(phase="NEW_PHASE")),
                                 ("rollout", rollout(**DONE))))
    ctl.run("rollout", "watch", "credit")


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_the_rollout_alone_and_says_so(ctl, fake, sig):
    over = threading.Event()
    fake.on("GET", WATCH, stream(("rollout", rollout()), then=over.wait))
    process = ctl.start("rollout", "watch", "credit")
    try:
        assert "CANARY" in process.stdout.readline()
        process.send_signal(sig)
        _, errors = process.communicate(timeout=10)
    finally:
        process.kill()
        over.set()
    assert process.returncode == 130
    assert "the rollout goes on without ctl" in errors and "ctl rollout abort credit" in errors
    assert all(method == "GET" for method, _, _, _ in fake.seen)


def test_an_interruption_is_heard_while_waiting_to_connect_again(ctl, fake):
    fake.on("GET", WATCH, stream(("rollout", rollout())), problem(503, "UNAVAILABLE", "stopping"))
    process = ctl.start("rollout", "watch", "credit")
    try:
        wait_until(lambda: fake.count("GET", WATCH) >= 4, "it tries again")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    finally:
        process.kill()
    assert process.returncode == 130


def test_output_that_cannot_be_written_ends_it(ctl, fake):
    over = threading.Event()
    fake.on("GET", WATCH, stream(("rollout", rollout()), then=over.wait))
    try:
        with open("/dev/full", "wb") as full:
            ctl.fails(1, "standard output could not be written", "rollout", "watch", "credit", stdout=full, timeout=10)
    finally:
        over.set()


def test_quiet_prints_nothing_but_the_exit_code(ctl, fake):
    fake.on("GET", WATCH, stream(("rollout", rollout()), ("rollout", rollout(**ROLLED_BACK))))
    done = ctl.run("rollout", "watch", "credit", "-q", expect=7)
    assert done.stdout == done.stderr == ""


def test_a_terminal_gets_a_picture_with_events_above_it(ctl, fake):
    event = {"number": 3, "rollout_id": 7, "kind": "weight", "from": "PENDING", "to": "CANARY", "weight": 5, "why": "it is ready",
             "actor": "", "verdict": None}
    fake.on("GET", WATCH, stream(("rollout", rollout()), ("event", event), ("rollout", rollout(**DONE))))
    code, text = ctl.on_terminal("rollout", "watch", "credit", env={"NO_COLOR": "1"})
    assert code == 0
    for piece in ("credit  1 -> 2  policy canary\r\n", "[5 %] > 25 % > 100 %\r\n", "asked 5 %, observed 5.08 %, hold left 42s",
                  "CANARY: step 1 of 3", "weight  PENDING -> CANARY  5 %  it is ready", "\x1b[5A\r\x1b[J"):
        assert piece in text, text
    assert "DONE          2  version 2 has all the traffic" in text.splitlines()[-1]
    assert "\x1b[1m" in ctl.on_terminal("rollout", "watch", "credit")[1]
