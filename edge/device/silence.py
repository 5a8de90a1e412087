"""Tells viewers the state of the source, by the clock as well as by the reader.

A reader notices that a stream has died when its time-out is over, and a recogniser only when it is
given the next frame. This thread waits for neither, and tells viewers earlier.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from edge.video.age import FRESH_S
from edge.video.reader import State
from gallery.threads import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.recognise.scene import Scene
    from edge.video.frame import Frame
    from edge.video.reader import Status

TICK_S = 0.1
SLOW_FRAMES = 3
"""A source that is known to be slow is lost after this many of its frames are missing."""


def state_of(status: Status, picture_age_s: float) -> tuple[str, str]:
    """Return the source's state for viewers, and a reason or an empty string.

    A source that has had a picture, or a failed try, is `lost` while it is opened again: the
    reader's own state alternates between `lost` and `connecting` meanwhile.

    Args:
        status: as the reader has it.
        picture_age_s: since the newest picture; infinite before the first.
    """
    if status.state in {State.ENDED, State.FAILED}:
        return "ended", status.error or ""
    if status.state is State.PLAYING:
        limit_s = max(FRESH_S, SLOW_FRAMES / status.fps if status.fps else 0.0)
        if status.live and limit_s < picture_age_s < float("inf"):
            return "lost", f"no picture for {limit_s:.1f} s"
        return "playing", ""
    if status.connects or status.failures:
        return "lost", status.error or "the stream ended"
    return "connecting", ""


class SilenceWatch:
    """A thread that publishes each change of the source's state.

    Args:
        status: returns the reader's status.
        picture_age_s: returns the seconds since the newest picture.
        tell: told state and reason, at each change.
    """

    def __init__(
        self,
        status: Callable[[], Status],
        picture_age_s: Callable[[], float],
        tell: Callable[[str, str], None],
    ) -> None:
        self._status, self._picture_age_s, self._tell = status, picture_age_s, tell
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.state = ""
        self._thread = Worker("silence", self._run)

    def start(self) -> None:
        """Begin to watch."""
        self.look()
        self._thread.start()

    def look(self) -> None:
        """Publish the state if it has changed; any thread may call it."""
        with self._lock:
            if not self._over.is_set():
                self._say(*state_of(self._status(), self._picture_age_s()))

    def take(self, _frame: Frame, _scene: Scene) -> None:
        """Say that pictures are back before they are shown, as a `SceneSink`."""
        if self.state != "playing":
            self.look()

    def finish(self, state: str, reason: str = "") -> None:
        """Publish the last state; nothing is published after it."""
        with self._lock:
            if not self._over.is_set():
                self._over.set()
                self._say(state, reason)

    def close(self) -> None:
        """End the thread; again is harmless."""
        self._over.set()
        self._thread.join(1)

    def _say(self, state: str, reason: str) -> None:
        if state != self.state:
            self.state = state
            self._tell(state, reason)

    def _run(self) -> None:
        while not self._over.wait(TICK_S):
            self.look()
