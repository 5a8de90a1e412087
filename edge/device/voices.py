"""Voices of a live picture, heard in a thread of their own."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from edge.device.captions import NICENESS
from edge.voices.of_file import enrolled_voices, open_listener
from engines.errors import ModelMissingError
from gallery.errors import GalleryError
from gallery.threads import Worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge.recognise.cues.cue import CueBoard
    from edge.video.reader import Reader
    from edge.voices.listening import VoiceListener
    from gallery.search.search import Gallery

log = logging.getLogger(__name__)

EVERY_S = 0.2


class VoiceWatch:
    """Asks the source for new sound several times a second; sound is lost while load is shed.

    Voices are read when it begins, and again with each release of the gallery.

    Args:
        board: takes the cues.
        gallery: returns the one in use.
        folder: of the gallery, beside which the voices are.
        reader: has what the source says.
        busy: whether the device has no time.
        on_heard: told the seconds that each look took.
        listener: opens what compares voices, and what frees it.
    """

    def __init__(
        self,
        board: CueBoard,
        gallery: Callable[[], Gallery],
        folder: Path,
        reader: Reader,
        busy: Callable[[], bool],
        on_heard: Callable[[float], None] = lambda _: None,
        listener: Callable[..., tuple[VoiceListener, Callable[[], None]]] = open_listener,
    ) -> None:
        self._board, self._gallery, self._folder = board, gallery, folder
        self._reader, self._busy, self._on_heard = reader, busy, on_heard
        self._new_listener = listener
        self._known = ""
        self._listener: VoiceListener | None = None
        self._opened = ExitStack()
        self._thread = Worker("voices", self._watch, niceness=NICENESS)

    @property
    def compared(self) -> int:
        """How often a voice was compared since the voices were read."""
        return self._listener.windows if self._listener is not None else 0

    def start(self) -> None:
        """Begin, where voices count."""
        if "voice" in self._board.kinds:
            self._thread.start()

    def close(self) -> None:
        """End."""
        self._thread.join(1)

    def _watch(self) -> None:
        with self._opened:
            while not self._thread.wait(EVERY_S):
                if not self._busy():
                    self._look()

    def _look(self) -> None:
        gallery = self._gallery()
        if gallery.identity != self._known:
            self._known = gallery.identity
            self._open(gallery)
        if self._listener is not None:
            begun, before = time.perf_counter(), self._listener.windows
            self._listener.hear(self._reader.status.stats.sound)
            if self._listener.windows > before:
                self._on_heard(time.perf_counter() - begun)

    def _open(self, gallery: Gallery) -> None:
        self._opened.close()
        self._listener = None
        try:
            voices = enrolled_voices(self._folder, gallery)
            if voices:
                self._listener, close = self._new_listener(self._board, voices)
                self._opened.callback(close)
        except (GalleryError, ModelMissingError) as error:
            log.warning("%s; names go on without voices", error)
