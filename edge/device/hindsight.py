"""Names that come late, in a thread of their own: no frame waits for them."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from edge.hindsight.recent import RecentTracks
from edge.video.age import now_s
from gallery.threads import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from edge.device.beside import Beside
    from edge.device.people import People
    from edge.hindsight.late_names import LateNames
    from edge.hindsight.recent import RecentTrack
    from edge.recognise.commands import Commands
    from edge.recognise.decide import Decision
    from edge.recognise.press_history import PressHistory
    from edge.recognise.step import Step
    from edge.serve.metrics import Metrics
    from edge.timeline.live import Appearing


BUSY_EVERY_S = 10.0
"""A device without time looks back this seldom."""


class _Work(NamedTuple):
    tracks: tuple[RecentTrack, ...]
    refused: tuple[tuple[NDArray[np.float32], str], ...]


class Hindsight:
    """Joins the tracks of the last seconds and tells whom they show.

    Where the device has no time, it is done ten times more seldom. The thread has no lower
    priority: it would hold Python's lock while others have the processor.

    Args:
        names: decides.
        people: knows the gallery of the newest frame.
        commands: knows which names viewers refused.
        history: is told names, for who has just gone.
        appearing: is told when those were seen whose track is over.
        metrics: count the time that it takes.
        busy: whether the device has no time.
        beside: runs what may fail.
        clock: seconds that go on whatever the source does.
    """

    def __init__(
        self,
        names: LateNames,
        people: People,
        commands: Commands,
        history: PressHistory,
        appearing: Appearing,
        metrics: Metrics,
        busy: Callable[[], bool],
        beside: Beside,
        clock: Callable[[], float] = now_s,
    ) -> None:
        self._recent, self._names = RecentTracks(), names
        self._people, self._commands = people, commands
        self._history, self._appearing = history, appearing
        self._took = metrics.stages.labels("hindsight").observe
        self._busy, self._beside, self._clock = busy, beside, clock
        self._begun_s = clock()
        self._work: deque[_Work] = deque(maxlen=1)  # the newest
        self._ready = threading.Event()
        self._thread = Worker("hindsight", self._decide_all)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End; what has begun is waited for a second."""
        self._thread.stopping()
        self._ready.set()
        self._thread.join(1)

    def take(self, step: Step, position_s: float | None) -> None:
        """Take what came of a frame, and its place in the source; call it between two frames."""
        tracks = self._recent.take(step, position_s)
        if tracks:
            self._work.append(_Work(tracks, self._commands.refused()))
        patient = self._clock() - self._begun_s < BUSY_EVERY_S
        if self._work and not (patient and self._busy()):
            self._ready.set()

    def _decide_all(self) -> None:
        while not self._thread.wait(0):
            self._ready.wait()
            self._ready.clear()
            if self._work and not self._thread.wait(0):
                self._beside.run("hindsight", self._decide_newest)

    def _decide_newest(self) -> None:
        begun = time.perf_counter()
        self._begun_s = self._clock()
        work = self._work.popleft()
        names = self._names.decide(work.tracks, self._people.gallery, work.refused)
        self._history.learn(names)
        self._tell_when(work, names)
        self._took(time.perf_counter() - begun)

    def _tell_when(self, work: _Work, names: Mapping[int, Decision]) -> None:
        for track in work.tracks:
            person = names[track.number].id if track.number in names else None
            if track.ended and person is not None:
                self._appearing.add(person, track.seen)
