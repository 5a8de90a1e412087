"""A thread of ours that dies is reported and restarted, or reported as beyond that."""

import os
import subprocess
import sys
import threading

import pytest

from gallery.threads import Worker, deaths, later
from tests.polling import until


class Ill:
    """Dies this many times, then works until it is told to end."""

    def __init__(self, times: int, error: BaseException) -> None:
        self.begun, self._times, self._error = 0, times, error
        self.end = threading.Event()

    def __call__(self) -> None:
        self.begun += 1
        if self.begun <= self._times:
            raise self._error
        self.end.wait(10)


@pytest.mark.parametrize("error", [RuntimeError("no"), SystemExit(0), MemoryError()])
def test_a_thread_that_died_is_begun_anew_and_counted(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    work = Ill(3, error)
    name = f"ill-{type(error).__name__}"
    worker = Worker(name, work, pause_s=0.01)
    worker.start()
    until(lambda: work.begun == 4)
    assert worker.is_alive()
    assert deaths()[name] == 3
    assert sum(f"thread {name} died of {error!r}" in r.getMessage() for r in caplog.records) == 3
    work.end.set()
    worker.join(5)
    assert not worker.is_alive()


def test_a_thread_that_dies_again_and_again_is_given_up() -> None:
    gone: list[str] = []
    work = Ill(99, ValueError("always"))
    worker = Worker("hopeless", work, give_up=gone.append, restarts=2, pause_s=0.01)
    worker.start()
    until(lambda: gone)
    assert (gone, work.begun) == (["hopeless"], 3)


def test_giving_up_ends_the_process_with_a_code_by_default() -> None:
    program = (
        "import time\n"
        "from gallery.threads import Worker\n"
        "Worker('x', lambda: 1 / 0, restarts=1, pause_s=0.01).start()\n"
        "time.sleep(30)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False
    )
    assert ran.returncode == 1
    assert "thread x died of ZeroDivisionError" in ran.stderr
    assert "the process ends with code 1" in ran.stderr


def test_work_that_ends_is_not_begun_again() -> None:
    begun: list[int] = []
    worker = Worker("short", lambda: begun.append(1), pause_s=0.01)
    worker.start()
    until(lambda: not worker.is_alive())
    assert begun == [1]
    worker.join(1)
    Worker("never", print).join(1)  # was not started


@pytest.mark.skipif(sys.platform != "linux", reason="other systems know priorities of processes")
def test_a_thread_lets_others_go_first_and_its_process_does_not() -> None:
    seen: list[int] = []

    def look() -> None:
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    for niceness in (0, min(before + 3, 19)):
        worker = Worker("nice", look, niceness=niceness)
        worker.start()
        worker.join(5)
    assert seen == [before, min(before + 3, 19)]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before


def test_what_comes_later_is_told_of_too(caplog: pytest.LogCaptureFixture) -> None:
    done = threading.Event()
    later("fine", 0.01, done.set)
    assert done.wait(5)
    later("broken", 0.01, lambda: 1 / 0)
    until(lambda: deaths().get("broken"))
    assert "thread broken died of ZeroDivisionError" in caplog.text
