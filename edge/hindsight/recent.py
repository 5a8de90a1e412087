"""The tracks of the last seconds, for names that come late: what the recogniser's thread notes.

No more is kept than re-identification keeps, and no longer (docs/privacy.md).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from edge.hindsight.join_tracks import tells_enough
from edge.recognise.reidentify import KEPT_S, KEPT_TRACKS
from edge.timeline.timeline import DEFAULT_FRAME_S, MAX_GAP_S, Interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from edge.recognise.evidence import TrackState
    from edge.recognise.step import Step

EVERY_S = 1.0
"""Tracks are looked at together at most this often."""

FOLLOWED_S = 0.3
"""With scenes further apart a cut may be missed and a track be two people's: then a late name does
not say when its track was seen before."""


@dataclass(frozen=True, slots=True)
class RecentTrack:
    """A track as it was at one moment; nobody writes to it any more.

    Attributes:
        state: a copy, with the track's own faces alone.
        beside: numbers of the tracks that were on screen with it.
        said: ids that viewers saw on it.
        seen: when it was shown, in positions of the source; empty where those are not known.
        ended: whether no further frame can show it.
    """

    state: TrackState
    beside: frozenset[int]
    said: frozenset[str]
    seen: tuple[Interval, ...]
    ended: bool

    @property
    def number(self) -> int:
        """Its number."""
        return self.state.track.number


@dataclass(slots=True)
class _Notes:
    """What scenes said of a track."""

    beside: set[int] = field(default_factory=set)
    said: set[str] = field(default_factory=set)
    seen: list[Interval] = field(default_factory=list)

    def show(self, position_s: float) -> None:
        """Take that it is shown at this place of the source."""
        until_s = position_s + DEFAULT_FRAME_S
        last = self.seen[-1] if self.seen else None
        if last is not None and last.start_s <= position_s <= last.end_s + MAX_GAP_S:
            self.seen[-1] = Interval(last.start_s, max(last.end_s, until_s))
        else:
            self.seen.append(Interval(position_s, until_s))


class RecentTracks:
    """Collects tracks from frame to frame; used by the recogniser's thread alone.

    Args:
        most: how many tracks that are over are kept.
        kept_s: for how long.
    """

    def __init__(self, *, most: int = KEPT_TRACKS, kept_s: float = KEPT_S) -> None:
        self._kept_s = kept_s
        self._ended: deque[RecentTrack] = deque(maxlen=most)
        self._notes: dict[int, _Notes] = {}
        self._now_s = self._next_s = float("-inf")
        self._embedded_s = float("-inf")
        self._changed = False

    def take(self, step: Step, position_s: float | None = None) -> tuple[RecentTrack, ...] | None:
        """Take what came of a frame; return all tracks where it is time to look at them, else None.

        Args:
            step: of the newest frame.
            position_s: its place in the source, None where that has none.
        """
        pts_s = step.scene.pts_s
        if pts_s < self._now_s:  # another round of the source, or another place
            self._forget()
        self._end(step.ended)
        if pts_s - self._now_s > FOLLOWED_S:
            for notes in self._notes.values():
                notes.seen.clear()
        self._now_s = pts_s
        self._note(step, position_s)
        while self._ended and pts_s - self._ended[0].state.track.last_s > self._kept_s:
            self._ended.popleft()
        newest_s = max((s.embedded_s for s in step.shown), default=self._embedded_s)
        self._changed |= newest_s > self._embedded_s
        self._embedded_s = newest_s
        if not self._changed or pts_s < self._next_s:
            return None
        self._next_s, self._changed = pts_s + EVERY_S, False
        self._drop_notes(step.shown)
        return (*self._ended, *self._copies(step.shown))

    def _forget(self) -> None:
        self._ended.clear()
        self._notes.clear()
        self._next_s = self._embedded_s = float("-inf")

    def _end(self, states: Iterable[TrackState]) -> None:
        for state in states:
            if state.track.number in self._notes and tells_enough(state.template):
                self._ended.append(self._copy(state, ended=True))
                self._changed = True

    def _note(self, step: Step, position_s: float | None) -> None:
        numbers = {face.track for face in step.scene.seen}
        for face in step.scene.seen:
            notes = self._notes.setdefault(face.track, _Notes())
            notes.beside |= numbers
            if face.id is not None:
                notes.said.add(face.id)
            if position_s is not None:
                notes.show(position_s)

    def _drop_notes(self, shown: Sequence[TrackState]) -> None:
        """Forget what is known of tracks that nobody asks about: a long shot meets many."""
        known = {t.number for t in self._ended} | {s.track.number for s in shown}
        self._notes = {n: notes for n, notes in self._notes.items() if n in known}
        for notes in self._notes.values():
            notes.beside &= known

    def _copies(self, shown: Sequence[TrackState]) -> list[RecentTrack]:
        return [
            self._copy(s, ended=False)
            for s in shown
            if s.track.number in self._notes and tells_enough(s.template)
        ]

    def _copy(self, state: TrackState, *, ended: bool) -> RecentTrack:
        notes, number = self._notes[state.track.number], state.track.number
        own = replace(state, track=replace(state.track), template=state.template.own())
        return RecentTrack(
            own,
            frozenset(notes.beside - {number}),
            frozenset(notes.said),
            tuple(notes.seen),
            ended,
        )
