"""A hanging updater ends, also where the interpreter itself is held up."""

from __future__ import annotations

import subprocess
import sys
import time

CHILD = """
import sqlite3, sys, threading, time
from gallery.sync.watchdog import ProcessWatchdog

dog = ProcessWatchdog(silence_s=1.0)
for _ in range(30):
    time.sleep(0.05)
    dog.beat()
print("alive", flush=True)
if sys.argv[1] == "busy":
    # One call into C that never lets go of the interpreter.
    sum(iter(int, 1))
elif sys.argv[1] == "large":
    dog.allow(3 << 20)  # four and a half seconds
    time.sleep(3)
    print("later", flush=True)
    dog.close()
else:
    threading.Event().wait()
"""


def _run(how: str) -> tuple[subprocess.CompletedProcess[str], float]:
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", CHILD, how], capture_output=True, text=True, timeout=60, check=False
    )
    return done, time.monotonic() - begun


def test_a_process_without_progress_ends_and_says_where_it_stood() -> None:
    for how in ("busy", "waiting"):
        done, took_s = _run(how)
        assert done.stdout == "alive\n"
        assert done.returncode == 1
        assert "Timeout" in done.stderr
        assert '"<string>"' in done.stderr
        assert 2 < took_s < 30


def test_a_step_that_reads_much_is_given_its_time() -> None:
    done, _ = _run("large")
    assert done.stdout == "alive\nlater\n"
    assert done.returncode == 0
