"""Who appeared when, learned while a programme runs: what "only watch this person" goes by.

Times are positions in the source (`position_s`), so that a film that is shown again, or in which
somebody seeks, adds to what is known and never counts anything twice.
"""

from __future__ import annotations

import bisect
import threading
from typing import TYPE_CHECKING

import msgspec

from edge.errors import UsageError
from edge.timeline.timeline import DEFAULT_FRAME_S, MAX_GAP_S, Interval, Timeline
from gallery.foreign_json import decode_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MAX_INTERVALS = 400
"""Of one person: the oldest goes first. A film has fewer; a live channel runs for days."""
MAX_PEOPLE = 4000


class Appearing:
    """Collects intervals; any thread may call any method.

    Args:
        max_gap_s: shorter absences are bridged, as `tvradar timeline` does.
    """

    def __init__(self, *, max_gap_s: float = MAX_GAP_S) -> None:
        self._max_gap_s = max_gap_s
        self._lock = threading.Lock()
        self._people: dict[str, list[Interval]] = {}
        self._last_s: float | None = None

    def load(self, timeline: Timeline) -> None:
        """Take over what `tvradar timeline --json` found in the whole film."""
        with self._lock:
            for person in timeline.people:
                for interval in person.intervals[:MAX_INTERVALS]:
                    self._add(person.id, interval)

    def push(self, people: Iterable[str], position_s: float) -> None:
        """Take who is named in the frame at this place of the source."""
        with self._lock:
            step_s = position_s - (self._last_s if self._last_s is not None else position_s)
            self._last_s = position_s
            # A frame lasts until the next one; across a loss or a jump nothing is known.
            frame_s = step_s if 0 < step_s <= self._max_gap_s else DEFAULT_FRAME_S
            for person in people:
                self._add(person, Interval(position_s, position_s + frame_s))

    def add(self, person: str, intervals: Iterable[Interval]) -> None:
        """Take that somebody was seen then, as is known only now."""
        with self._lock:
            for interval in intervals:
                self._add(person, interval)

    def of(self, person: str) -> tuple[Interval, ...]:
        """Return one person's intervals, in order and apart."""
        with self._lock:
            found = self._people.get(person, [])
            return tuple(Interval(round(i.start_s, 3), round(i.end_s, 3)) for i in found)

    def _add(self, person: str, new: Interval) -> None:
        known = self._people.setdefault(person, [])
        at = bisect.bisect_right(known, new)
        first = last = at
        start_s, end_s = new.start_s, new.end_s
        while first and known[first - 1].end_s + self._max_gap_s >= start_s:
            first -= 1
            start_s = min(start_s, known[first].start_s)
            end_s = max(end_s, known[first].end_s)
        while last < len(known) and known[last].start_s <= end_s + self._max_gap_s:
            end_s = max(end_s, known[last].end_s)
            last += 1
        known[first:last] = [Interval(start_s, end_s)]
        del known[:-MAX_INTERVALS]
        if len(self._people) > MAX_PEOPLE:  # the person seen first is forgotten first
            del self._people[next(iter(self._people))]


def read_timeline(path: Path) -> Timeline:
    """Return what `tvradar timeline SOURCE --json` wrote.

    Raises:
        UsageError: the file is missing or something else.
    """
    try:
        return decode_json(path.read_bytes(), Timeline)
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(
            f'timeline: {path}: {error}; expected what "tvradar timeline SOURCE --json" prints'
        ) from error
