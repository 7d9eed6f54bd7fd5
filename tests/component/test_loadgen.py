"""The load generator against servers that behave and misbehave: what it counts is what was answered."""

import contextlib
import json
import socketserver
import subprocess
import threading
import time

import pytest

from sluice import BIN, free_port

CSV = "a,b,class\n1,,good\n2.5,7,bad\n3,-1e2,good\n"


class Server(socketserver.ThreadingTCPServer):
    """Calls answer(body, number of the request) for the bytes to send back; None closes the connection, "hang" keeps it."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, answer):
        self.answer, self.bodies, self.connections = answer, [], 0
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v2/models/m/infer"


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        with self.server.lock:
            self.server.connections += 1
        while line := self.rfile.readline():
            length = 0
            while (header := self.rfile.readline()) not in (b"\r\n", b""):
                name, _, value = header.decode().partition(":")
                length = int(value) if name == "Content-Length" else length
            with self.server.lock:
                self.server.bodies.append((line.decode(), json.loads(self.rfile.read(length))))
                number = len(self.server.bodies)
            answer = self.server.answer(number)
            if answer == "hang":
                time.sleep(3)
            if answer is None or answer == "hang":
                return
            self.wfile.write(answer)


def reply(status, body, *headers):
    head = "".join(f"{h}\r\n" for h in (f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers))
    return f"{head}\r\n{body}".encode()


OK = reply(200, '{"model_name":"m","model_version": "7","outputs":[]}')


@contextlib.contextmanager
def serving(answer):
    with Server(answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def rows(tmp_path):
    (tmp_path / "rows.csv").write_text(CSV)
    return tmp_path / "rows.csv"


def run(url, *args, **kwargs):
    done = subprocess.run([BIN / "loadgen", "--url", url, *map(str, args)], capture_output=True, text=True, timeout=30, **kwargs)
    return done, [json.loads(line) for line in done.stdout.splitlines()]


def test_it_sends_every_row_and_counts_by_version_and_code(rows):
    with serving(lambda n: OK if n % 2 else reply(400, '{"error":"missing input"}', "X-Sluice-Version: 3")) as server:
        done, lines = run(server.url, "--rows", rows, "--leave-out", "class", "--batch", 2, "--rate", 100, "--duration", "1s")
    total = lines[-1]
    assert done.returncode == 0 and total["summary"] and total["sent"] == total["answered"] == 100
    assert {v: t["codes"] for v, t in total["versions"].items()} == {"7": {"200": 50}, "3": {"400": 50}}
    assert total["versions"]["3"]["example"] == '{"error":"missing input"}'
    assert sum(total["failed"].values()) == 0
    line, body = server.bodies[0]
    assert line == "POST /v2/models/m/infer HTTP/1.1\r\n"
    tensor = {"shape": [2], "datatype": "FP32"}
    assert body == {"inputs": [{"name": "a", **tensor, "data": [1, 2.5]}, {"name": "b", **tensor, "data": [None, 7]}]}
    assert server.bodies[1][1]["inputs"][0]["data"] == [3, 1], "the last request is filled up from the top"
    assert [line["second"] for line in lines[:-1]] == list(range(len(lines) - 1))
    assert sum(line["sent"] for line in lines[:-1]) == 100, "the timeline is all of it"


def test_a_stall_counts_from_when_each_request_was_due(rows):
    def stall(n):
        if n == 20:
            time.sleep(0.5)
        return OK
    with serving(stall) as server:
        _, lines = run(server.url, "--rows", rows, "--leave-out", "class", "--rate", 100, "--duration", "1s", "--connections", 1)
    total = lines[-1]
    assert total["sent"] == total["answered"] == 100
    assert total["late"] >= 40, "about 50 requests were due while the only connection stalled"
    assert total["latency"]["p90_ms"] > 200 and total["latency"]["max_ms"] >= 490


def test_a_closed_connection_loses_its_request_and_is_opened_again(rows):
    with serving(lambda n: None if n == 5 else OK) as server:
        _, lines = run(server.url, "--rows", rows, "--leave-out", "class", "--rate", 50, "--duration", "1s", "--connections", 2)
    assert lines[-1]["failed"] == {"closed": 1, "timeout": 0, "mangled": 0, "not_sent": 0}
    assert lines[-1]["answered"] == 49 and server.connections == 3


def test_connection_close_is_no_failure(rows):
    with serving(lambda n: reply(200, "{}", "Connection: close")) as server:
        _, lines = run(server.url, "--rows", rows, "--leave-out", "class", "--rate", 50, "--duration", "1s", "--connections", 2)
    assert lines[-1]["answered"] == 50 and sum(lines[-1]["failed"].values()) == 0
    assert server.connections >= 50


@pytest.mark.parametrize("answer, cause", [
    ("hang", "timeout"), (b"SSH-2.0-x\r\n\r\n", "mangled"), (b"HTTP/1.1 200 OK\r\n\r\n", "mangled"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "mangled")])
def test_what_is_no_answer_is_a_failure(rows, answer, cause):
    with serving(lambda n: answer if n == 3 else OK) as server:
        _, lines = run(server.url, "--rows", rows, "--leave-out", "class", "--rate", 20, "--duration", "500ms", "--timeout", "300ms")
    assert lines[-1]["failed"][cause] == 1 and lines[-1]["answered"] == 9


def test_nobody_there_means_every_request_failed(rows):
    url = f"http://127.0.0.1:{free_port()}/"
    done, lines = run(url, "--rows", rows, "--leave-out", "class", "--rate", 50, "--duration", "500ms", "--timeout", "200ms")
    assert done.returncode == 0 and lines[-1]["failed"]["not_sent"] == 25 and lines[-1]["sent"] == 0


def test_sigterm_ends_it_with_a_summary(rows):
    with serving(lambda n: OK) as server:
        command = [BIN / "loadgen", "--url", server.url, "--rows", rows, "--leave-out", "class", "--duration", "0s", "--poisson"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as p:
            json.loads(p.stdout.readline())
            p.terminate()
            *_, last = p.stdout
    total = json.loads(last)
    assert p.returncode == 0 and total["summary"] and total["sent"] == total["answered"] > 0


@pytest.mark.parametrize("args, says", [
    (["--url", "http://192.0.2.1/"], "loopback"),
    (["--url", "ftp://127.0.0.1/"], "http://"),
    (["--leave-out", "nothing"], "no column"),
    ([], "no number"),
    (["--rate", "0"], "--rate"),
    (["--bodies", "/dev/null"], "either"),
])
def test_bad_settings_are_refused_with_a_sentence(rows, args, says):
    done, _ = run("http://127.0.0.1:1/", "--rows", rows, *args)
    assert done.returncode == 2 and says in done.stderr and done.stdout == ""


def test_a_ragged_csv_is_refused_with_its_line(rows):
    rows.write_text("a,b\n1,2\n3\n")
    done, _ = run("http://127.0.0.1:1/", "--rows", rows)
    assert done.returncode == 2 and "line 3 has 1 cells" in done.stderr
