"""Threads that do not die silently: restarted with a warning, or the process ends with a code.

Python prints the traceback of a thread that dies and goes on without it, so that a gallery is no
longer watched, or no key is heard, and nobody knows. All threads of ours are `Worker`s.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
MOST_PAUSE_S = 30.0
MOST_DEATHS = 8
"""This many within `DEATHS_S` and the process ends: a new one may do better, this one does not."""
DEATHS_S = 60.0
EXIT_CODE = 1

_deaths: Counter[str] = Counter()


def deaths() -> Mapping[str, int]:
    """Return how often each thread of this process has died, by the thread's name."""
    return dict(_deaths)


def end_process(name: str) -> None:
    """End with a code that tells the service manager to start again."""
    log.critical("%s: cannot go on; the process ends with code %d", name, EXIT_CODE)
    logging.shutdown()
    os._exit(EXIT_CODE)


def later(name: str, seconds: float, work: Callable[[], object]) -> None:
    """Do something once in a thread, this many seconds from now; when it dies, that is logged."""

    def run() -> None:
        if not worker.wait(seconds):
            work()

    worker = Worker(name, run, restarts=0, give_up=lambda _: None)
    worker.start()


def _show_name(name: str) -> None:
    """Let `top -H` and a debugger show the name; at most 15 bytes of it."""
    with contextlib.suppress(OSError):
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(name, "ascii")


def _give_way(niceness: int) -> None:
    """Let this thread run when others leave it time."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


class Worker:
    """A thread of ours.

    It ends when its work returns. When the work raises, whatever it is, that is logged and counted,
    and the work is started again after a pause that doubles; when that does not help, `give_up` is
    called, which ends the process unless a caller knows better.

    Args:
        name: of the thread, at most 15 bytes of it are seen in `top -H`.
        work: what the thread does; started again, it has to go on from where things stand.
        give_up: called in the thread with its name when it dies again and again.
        restarts: 0 gives up at the first death.
        pause_s: before the first new beginning.
        niceness: how far it lets others go first; Linux knows that of threads.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], object],
        *,
        give_up: Callable[[str], object] = end_process,
        restarts: int = MOST_DEATHS,
        pause_s: float = FIRST_PAUSE_S,
        niceness: int = 0,
    ) -> None:
        self.name = name
        self.error: BaseException | None = None
        self._work, self._give_up = work, give_up
        self._restarts, self._pause_s, self._niceness = restarts, pause_s, niceness
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def is_alive(self) -> bool:
        """Return whether it works, or is about to start again."""
        return self._thread.is_alive()

    def is_current(self) -> bool:
        """Return whether the caller is this thread."""
        return self._thread is threading.current_thread()

    def stopping(self) -> None:
        """Do not start again from now on."""
        self._stop.set()

    def wait(self, seconds: float) -> bool:
        """Sleep in this thread; True as soon as it is to end."""
        return self._stop.wait(seconds)

    def join(self, timeout_s: float | None = None) -> None:
        """Wait for its end; it is not restarted. Harmless before the start."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        _show_name(self.name)
        if self._niceness:
            _give_way(self._niceness)
        recent: list[float] = []
        pause_s = self._pause_s
        while True:
            begun = time.monotonic()
            try:
                self._work()
            except BaseException as error:  # noqa: BLE001 - the top of a thread
                self.error = error
                if self._stop.is_set():
                    return
                if time.monotonic() - begun > DEATHS_S:
                    pause_s = self._pause_s
                recent = [at for at in recent if at > time.monotonic() - DEATHS_S]
                recent.append(time.monotonic())
                self._note(error, pause_s, last=len(recent) > self._restarts)
                if len(recent) > self._restarts:
                    self._give_up(self.name)
                    return
                if self._stop.wait(pause_s):
                    return
                pause_s = min(2 * pause_s, MOST_PAUSE_S)
            else:
                return

    def _note(self, error: BaseException, pause_s: float, *, last: bool) -> None:
        _deaths[self.name] += 1
        then = "given up" if last else f"restarted in {pause_s:g} s"
        log.warning("thread %s died of %r; %s", self.name, error, then, exc_info=error)
