"""Readers of text for a device that may have no models, and no network to fetch them by."""

from __future__ import annotations

import logging
import math
import threading
import time
from typing import TYPE_CHECKING

from engines.errors import ModelMissingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.captions.reading import LineReader

log = logging.getLogger(__name__)

AGAIN_S = 600.0


class TextOpener:
    """Opens readers of text; where the models are missing, it says so and asks again much later.

    Faces are named meanwhile. Several threads may call it.

    Args:
        open_reader: raises `ModelMissingError` where there are none.
        clock: in seconds.
    """

    def __init__(
        self, open_reader: Callable[[], LineReader], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._open, self._clock = open_reader, clock
        self._next_s = -math.inf
        self._lock = threading.Lock()

    def __call__(self) -> LineReader | None:
        """Return a reader for the thread that asks, None where there is none for now."""
        with self._lock:
            now_s = self._clock()
            if now_s < self._next_s:
                return None
            try:
                return self._open()
            except ModelMissingError as error:
                self._next_s = now_s + AGAIN_S
                log.warning("no text is read for %d minutes: %s", AGAIN_S / 60, error)
                return None
