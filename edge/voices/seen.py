"""When somebody is surely seen and seen to speak in a film: what their voice may be taken from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

from edge.errors import SourceError
from edge.recognise.evidence import speaking_face
from edge.video.source import SOUND_RATE
from edge.voices.listening import SPEECH, WINDOW_S
from engines.voice.speech import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from edge.recognise.cues.lips import LipWatch
    from edge.recognise.step import Step
    from edge.video.frame import Frame
    from edge.video.source import Sound, Source
    from edge.voices.listening import Speech

LOOKS_S = 0.25
"""Whether somebody speaks is asked so often."""


class Namer(Protocol):
    """Names faces frame by frame; `edge.recognise.recogniser.Recogniser` is one."""

    @property
    def lips(self) -> LipWatch:
        """Whose lips move."""

    def process(self, frame: Frame) -> Step:
        """Return what is known of the faces in a frame."""


class FilmSound:
    """Keeps the sound of a film that is read, on the clock of its pictures.

    Args:
        source: opened with its sound.
        from_s: where to begin.
        to_s: where to end.
    """

    def __init__(self, source: Source, from_s: float, to_s: float) -> None:
        self._source, self._from_s, self._to_s = source, from_s, to_s
        self._pieces: list[Sound] = []

    def frames(self) -> Iterator[Frame]:
        """Yield the frames between both times, and keep what is heard."""
        for picture in self._source.pictures():
            self._take()
            if picture.pts_s > self._to_s:
                return
            if picture.pts_s >= self._from_s:
                yield picture.to_frame()
        self._take()

    def spoken(self, ends_s: Sequence[float], speech: Speech) -> NDArray[np.float32]:
        """Return the two seconds before each time that are speech, none twice, one after the other.

        Args:
            ends_s: rising presentation times.
            speech: tells speech.
        """
        begin_s, whole = self._whole()
        speech.reset()
        probable = speech.hear(whole)
        count, free, parts = int(WINDOW_S * SOUND_RATE), 0, [np.zeros(0, np.float32)]
        for end_s in ends_s:
            start = round((end_s - begin_s) * SOUND_RATE) - count
            share = probable[max(start, 0) // CHUNK : (start + count) // CHUNK]
            if start >= free and start + count <= len(whole) and share.mean() > SPEECH:
                parts.append(whole[start : start + count])
                free = start + count
        return np.concatenate(parts)

    def _whole(self) -> tuple[float, NDArray[np.float32]]:
        """Return where the sound begins, and all of it; what is missing is silent."""
        if not self._pieces:
            return 0.0, np.zeros(0, np.float32)
        begin_s, last = self._pieces[0].from_s, self._pieces[-1]
        length = round((last.from_s - begin_s) * SOUND_RATE) + len(last.samples) // 4
        whole = np.zeros(max(length, 0), np.float32)
        for piece in self._pieces:
            at = round((piece.from_s - begin_s) * SOUND_RATE)
            if 0 <= at < length:
                samples = np.frombuffer(piece.samples, np.float32)[: length - at]
                whole[at : at + len(samples)] = samples
        return begin_s, whole

    def _take(self) -> None:
        new = self._source.stats.sound
        last = self._pieces[-1] if self._pieces else None
        known = next((i + 1 for i, piece in enumerate(new) if piece is last), 0)
        self._pieces += new[known:]


def times_seen(recogniser: Namer, frames: Iterable[Frame], person: str) -> list[float]:
    """Return the ends of two seconds each in which a person is seen to speak.

    The face alone must have made the name sure, its lips must move, and those of all others be
    still.

    Args:
        recogniser: names the faces; without cues.
        frames: of a film.
        person: id.
    """
    found: list[float] = []
    due_s = -math.inf
    for frame in frames:
        recogniser.lips.wake(frame.pts_s)
        shown = recogniser.process(frame).shown
        if frame.pts_s < due_s:
            continue
        due_s = frame.pts_s + LOOKS_S
        speaks = speaking_face(shown, recogniser.lips, frame.pts_s - WINDOW_S, frame.pts_s)
        if speaks is not None and speaks.sure_id == speaks.displayed_id == person:
            found.append(frame.pts_s)
    return found


def not_seen(name: str, person: str) -> SourceError:
    """Return what is said where somebody is never surely seen to speak."""
    return SourceError(
        name,
        f"{person} is never surely seen to speak",
        "their face, 60 px or larger, named by itself, the only one whose lips move",
        "see --from and --to, or give a recording without --seen",
    )
