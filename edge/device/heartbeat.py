"""Tells the updater whether a new release works here."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.recognise.scene import Scene
    from edge.video.frame import Frame

log = logging.getLogger(__name__)


HEARTBEAT_S = 60.0


class Heartbeat:
    """Tells the updater, another process, whether a new release works; a `SceneSink`.

    Args:
        path: of the file that both know.
        error: returns why the newest release is not in use, or an empty string.
    """

    def __init__(self, path: str, error: Callable[[], str]) -> None:
        from gallery.channel.health import HeartbeatFile  # noqa: PLC0415

        self._file = HeartbeatFile(Path(path))
        self._error = error
        self._told = False
        self._beat(0, started=True)
        self._faces = self._named = 0
        self._last: tuple[int, str] = (0, "")
        self._due = 0.0

    def take(self, _frame: Frame, scene: Scene) -> None:
        """Count a scene; write once a minute, and at once when release or error change."""
        self._faces += len(scene.faces)
        self._named += sum(face.id is not None for face in scene.faces)
        now, error = time.monotonic(), self._error()
        if now < self._due and self._last == (scene.release, error):
            return
        share = self._named / self._faces if self._faces else None
        self._beat(scene.release, error=error, named_share=share)
        self._last, self._due = (scene.release, error), now + HEARTBEAT_S
        self._faces = self._named = 0

    def failed(self, error: str) -> None:
        """Tell at once that no release can be used: what is damaged can be fetched again."""
        self._beat(0, error=error)

    def _beat(
        self,
        release: int,
        *,
        started: bool = False,
        error: str = "",
        named_share: float | None = None,
    ) -> None:
        try:
            self._file.beat(release, started=started, error=error, named_share=named_share)
            self._told = False
        except OSError as failure:  # a full disk is no reason to stop naming people
            if not self._told:
                log.warning("%s: %s; the updater hears nothing", self._file.path, failure.strerror)
            self._told = True
