"""What runs beside recognition and can never end it: load, heat, metrics, MQTT, the preview."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.recognise.scene import Scene
    from edge.recognise.sink import SceneSink
    from edge.video.frame import Frame

log = logging.getLogger(__name__)


class Beside:
    """Runs what may fail.

    Args:
        on_failure: told the name of what failed; it counts.
    """

    def __init__(self, on_failure: Callable[[str], object]) -> None:
        self._on_failure = on_failure
        self._failing: set[str] = set()

    def run(self, what: str, work: Callable[[], object]) -> None:
        """Do it; a failure is counted, and logged when it starts and when it is over."""
        try:
            work()
        except Exception as error:
            self._on_failure(what)
            if what not in self._failing:
                self._failing.add(what)
                log.warning("%s failed, recognition goes on: %r", what, error, exc_info=error)
        else:
            if self._failing and what in self._failing:
                self._failing.discard(what)
                log.warning("%s works again", what)


class MayFail:
    """A sink whose failure ends nothing; a `SceneSink`.

    Args:
        beside: runs it.
        what: its name, in the log and in metrics.
        sink: takes the scenes.
    """

    def __init__(self, beside: Beside, what: str, sink: SceneSink) -> None:
        self._beside, self._what, self._sink = beside, what, sink

    def take(self, frame: Frame, scene: Scene) -> None:
        """Hand a scene over."""
        self._beside.run(self._what, lambda: self._sink.take(frame, scene))
