"""netns.sh: a command that ends when it is told to, with all that it has started."""
import pathlib
import signal
import subprocess

import pytest

NETNS = pathlib.Path(__file__).parent / "netns.sh"
TIDIES = "import time\nprint('up', flush=True)\ntry:\n    time.sleep(600)\nexcept KeyboardInterrupt:\n    print('tidied')"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_it_is_ended(how):
    p = subprocess.Popen([NETNS, "sh", "-c", "sleep 600 & echo up; wait"], stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline() == "up\n"
    p.send_signal(how)
    assert p.wait(10) == -how
    assert p.stdout.read() == "", "nobody has the pipe any more"


def test_an_interrupt_lets_the_command_clean_up_and_its_status_is_ours():
    p = subprocess.Popen([NETNS, "/usr/bin/python3", "-c", TIDIES], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert p.stdout.readline() == "up\n"
    subprocess.run(["kill", "-INT", "--", f"-{p.pid}"], check=True)
    assert p.stdout.read() == "tidied\n" and p.wait(10) == 0
    assert subprocess.run([NETNS, "sh", "-c", "exit 7"], check=False).returncode == 7
