"""What runs beside a demonstration or a measurement ends with it, in whatever way that ends."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.cli.console import MOST_END_S
from edge.testbed.local_cloud import PLACES, Child
from tests.polling import until

BROKER = """
import sys, threading
from pathlib import Path
from edge.testbed.local_cloud import LocalBroker
print(LocalBroker(Path(sys.argv[1])).child.process.pid, flush=True)
threading.Event().wait()
"""


def is_there(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
@pytest.mark.skipif(not shutil.which("mosquitto", path=PLACES), reason="needs mosquitto")
@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv")
def test_the_broker_ends_with_who_started_it_though_it_was_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BROKER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        broker = int(owner.stdout.readline())
        assert is_there(broker)
        os.kill(owner.pid, signal.SIGKILL)
    until(lambda: not is_there(broker))


def test_a_program_that_does_not_end_is_not_waited_for_too_long() -> None:
    said: list[bytes] = []
    command = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"]
    child = Child(command, on_line=said.append)
    until(lambda: said)
    began = time.monotonic()
    child.close()
    assert child.process.returncode == -signal.SIGKILL
    assert time.monotonic() - began < MOST_END_S
