"""The updater gives way by itself; in a process of its own, as there is no way back."""

import platform
import subprocess
import sys

import pytest

IOPRIO_GET = {"x86_64": 252, "aarch64": 31}
SCRIPT = """
import ctypes, os, sys, threading
from gallery.sync.priority import give_way
os.setpriority(os.PRIO_PROCESS, 0, int(sys.argv[1]))
done = give_way()
def tell():
    ioprio = ctypes.CDLL(None).syscall(int(sys.argv[2]), 1, 0)
    print(done, os.getpriority(os.PRIO_PROCESS, 0), ioprio >> 13)
thread = threading.Thread(target=tell)
thread.start()
thread.join()
"""


@pytest.mark.skipif(platform.machine() not in IOPRIO_GET, reason="number of ioprio_get")
@pytest.mark.parametrize(
    ("before", "after", "ioclass"),
    [(0, 10, 3), (10, 10, 0)],
    ids=["lowered, idle disk class", "the service manager did it already"],
)
def test_gives_way(before: int, after: int, ioclass: int) -> None:
    number = str(IOPRIO_GET[platform.machine()])
    command = [sys.executable, "-c", SCRIPT, str(before), number]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert told[:2] == ["True", str(after)]
    if ioclass:  # without a class of its own the kernel tells what follows from the niceness
        assert told[2] == str(ioclass)
