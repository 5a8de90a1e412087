"""The tracks of a film that are over, on the disk until the film is decided.

Of each track two numbers stay in memory: where it lies.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, overload

import msgspec
import numpy as np

from edge.hindsight.join_tracks import FinishedTrack
from edge.recognise.cues.cue import CueKind, Evidence
from edge.recognise.decide import Claim
from edge.recognise.scene import Candidate
from edge.recognise.template import TrackTemplate
from edge.scratch import Scratch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engines.scores.model import ScoreModel


class _Faces(msgspec.Struct, frozen=True, array_like=True):
    """The columns of a `TrackTemplate`; vectors are float32 (n, dimension), in C order."""

    vectors: bytes
    qualities: list[float]
    norms: list[float]
    times_s: list[float]
    merged: list[bool]

    @classmethod
    def of(cls, template: TrackTemplate) -> _Faces:
        vectors = np.array(template.vectors, np.float32).tobytes()
        _, qualities, norms, times_s, merged = template.columns()
        return cls(vectors, qualities, norms, times_s, merged)

    def template(self, scores: ScoreModel) -> TrackTemplate:
        count = len(self.qualities)
        vectors = np.frombuffer(self.vectors, np.float32).reshape(count, -1) if count else ()
        return TrackTemplate(
            scores, list(vectors), self.qualities, self.norms, self.times_s, self.merged
        )


class _Track(msgspec.Struct, frozen=True, array_like=True):
    """A `FinishedTrack`; see `Claim` for what is not explained here."""

    number: int
    candidates: tuple[Candidate, ...]
    legibility: tuple[float, float, float, float]
    displayed_id: str | None
    impostor_mean: float | None
    evidence: list[tuple[CueKind, dict[str, float]]]
    cued: tuple[Candidate, ...]
    beside: frozenset[int]
    faces: _Faces

    @classmethod
    def of(cls, track: FinishedTrack) -> _Track:
        claim = track.claim
        return cls(
            claim.track,
            claim.candidates,
            (claim.side_px, claim.yaw, claim.sharpness, claim.norm),
            claim.displayed_id,
            claim.impostor_mean,
            [(e.kind, dict(e.llr)) for e in claim.evidence],
            claim.cued,
            track.beside,
            _Faces.of(track.template),
        )

    def track(self, scores: ScoreModel) -> FinishedTrack:
        claim = Claim(
            self.number,
            self.candidates,
            *self.legibility,
            self.displayed_id,
            self.impostor_mean,
            tuple(Evidence(kind, llr) for kind, llr in self.evidence),
            self.cued,
        )
        return FinishedTrack(claim, self.faces.template(scores), self.beside)


class TrackFile(Sequence[FinishedTrack]):
    """Takes tracks, and is the sequence of them: each is read when it is asked for."""

    def __init__(self) -> None:
        self._scratch = Scratch()
        self._begins, self._lengths = array("q"), array("q")
        self._shot, self._places = -1, dict[int, int]()
        self._scores: ScoreModel | None = None

    def add(self, shot: int, tracks: Iterable[FinishedTrack]) -> None:
        """Take the tracks of a shot, or of a part of one.

        Args:
            shot: its number.
            tracks: one that an earlier part had replaces it; who was beside either is beside it.

        Raises:
            OSError: the disk is full; the error names the folder.
        """
        if shot != self._shot:
            self._shot, self._places = shot, {}
        for track in tracks:
            self._add(track)

    def _add(self, track: FinishedTrack) -> None:
        self._scores, number = track.template.scores, track.claim.track
        if number in self._places:
            before = self[self._places[number]]
            track = replace(track, beside=track.beside | before.beside)
        else:
            self._places[number] = len(self)
            self._begins.append(0)
            self._lengths.append(0)
        begin, length = self._scratch.put(msgspec.msgpack.encode(_Track.of(track)))
        place = self._places[number]
        self._begins[place], self._lengths[place] = begin, length

    def __len__(self) -> int:
        """Return how many tracks there are."""
        return len(self._begins)

    @overload
    def __getitem__(self, place: int) -> FinishedTrack: ...

    @overload
    def __getitem__(self, place: slice) -> list[FinishedTrack]: ...

    def __getitem__(self, place: int | slice) -> FinishedTrack | list[FinishedTrack]:
        """Return a track, or some of them, in the order in which they came first."""
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        where = self._begins[place], self._lengths[place]
        assert self._scores is not None
        record = msgspec.msgpack.decode(self._scratch.get(where), type=_Track)
        return record.track(self._scores)
