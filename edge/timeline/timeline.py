"""Who appears when, as intervals, and the forms they are given out in."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise
from pathlib import PurePath

import msgspec

from edge.errors import EdgeError

DEFAULT_FRAME_S = 0.04
MAX_GAP_S = 1.0
"""Somebody who is out of sight for less is taken to be still there: a turned head, a passer-by."""
MAX_EDL_EVENTS = 999


class TimelineError(EdgeError):
    """A timeline cannot be given out in the wanted form; wrong use, so `exit_code` is 2."""

    exit_code = 2


class Interval(msgspec.Struct, frozen=True, order=True):
    """A span of time in seconds; the end is when the last frame stops being shown."""

    start_s: float
    end_s: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end_s - self.start_s


class Appearances(msgspec.Struct, frozen=True):
    """One person's intervals, in order and apart; `seconds` is their sum."""

    id: str
    name: str
    seconds: float
    score: float
    intervals: tuple[Interval, ...]


class Timeline(msgspec.Struct, frozen=True):
    """All people of a source, the longest seen first."""

    source: str
    duration_s: float
    frame_s: float
    people: tuple[Appearances, ...]


def only(timeline: Timeline, person: str) -> Appearances:
    """Return one person's appearances.

    Raises:
        TimelineError: the person does not appear.
    """
    for appearances in timeline.people:
        if appearances.id == person:
            return appearances
    here = ", ".join(p.id for p in timeline.people) or "nobody"
    raise TimelineError(f"{person}: does not appear in {timeline.source}, which shows {here}")


def to_json(timeline: Timeline) -> bytes:
    """Return the timeline as one JSON object."""
    return msgspec.json.encode(timeline)


def to_vtt(timeline: Timeline) -> str:
    """Return WebVTT subtitles: one cue for each span in which the same people are seen."""
    cues = ["WEBVTT", ""]
    for span, people in spans(timeline):
        names = " · ".join(_vtt_text(p.name) for p in people)
        cues += [f"{timestamp(span.start_s)} --> {timestamp(span.end_s)}", names, ""]
    return "\n".join(cues)


def spans(timeline: Timeline) -> list[tuple[Interval, tuple[Appearances, ...]]]:
    """Return the spans, in whole milliseconds, in which the same people are seen, in order."""
    edges: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for index, person in enumerate(timeline.people):
        for interval in person.intervals:
            edges[_ms(interval.start_s)].append((index, 1))
            edges[_ms(interval.end_s)].append((index, -1))
    found: list[tuple[Interval, tuple[Appearances, ...]]] = []
    count = [0] * len(timeline.people)
    times = sorted(edges)
    for now, later in pairwise(times):
        for index, change in edges[now]:
            count[index] += change
        here = tuple(p for p, n in zip(timeline.people, count, strict=True) if n > 0)
        if here:
            found.append((Interval(now / 1000, later / 1000), here))
    return found


def _vtt_text(name: str) -> str:
    escaped = one_line(name).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped or "?"  # an empty line would end the cue


def to_cut_list(timeline: Timeline, person: str) -> str:
    """Return one person's intervals as text, a line each: start, end, seconds.

    Raises:
        TimelineError: the person does not appear.
    """
    found = only(timeline, person)
    lines = [f"# {one_line(found.name)}: {found.seconds:.2f} s of {one_line(timeline.source)}"]
    lines += [
        f"{timestamp(i.start_s)}\t{timestamp(i.end_s)}\t{i.seconds:.3f}" for i in found.intervals
    ]
    return "\n".join(lines) + "\n"


def to_edl(timeline: Timeline, person: str) -> str:
    """Return one person's intervals as a CMX3600 edit decision list, whole frames, non-drop.

    Raises:
        TimelineError: the person does not appear, or more often than the format can hold.
    """
    found = only(timeline, person)
    if len(found.intervals) > MAX_EDL_EVENTS:
        raise TimelineError(
            f"{person}: {len(found.intervals)} events, a CMX3600 list holds {MAX_EDL_EVENTS}; "
            "bridge longer gaps, or take the FFmpeg list"
        )
    fps = max(1, round(1 / timeline.frame_s))
    title = found.name if found.name.isascii() else found.id
    lines = [f"TITLE: {_ascii(title)[:70]}", "FCM: NON-DROP FRAME", ""]
    clip = _ascii(PurePath(timeline.source).name)
    record = 0
    for number, i in enumerate(found.intervals, start=1):
        first = round(i.start_s / timeline.frame_s)
        last = max(first + 1, round(i.end_s / timeline.frame_s))
        times = (first, last, record, record + last - first)
        codes = " ".join(timecode(frames, fps) for frames in times)
        lines += [f"{number:03d}  AX       V     C        {codes}", f"* FROM CLIP NAME: {clip}", ""]
        record += last - first
    return "\n".join(lines)


def to_concat(timeline: Timeline, person: str) -> str:
    """Return one person's intervals as a list for FFmpeg's concat demuxer.

    Raises:
        TimelineError: the person does not appear, or the source's name has a line break.
    """
    found = only(timeline, person)
    if any(c in timeline.source for c in "\r\n\0"):
        raise TimelineError(f"{timeline.source!a}: has a line break in it; rename the file")
    quoted = timeline.source.replace("'", "'\\''")
    lines = ["ffconcat version 1.0"]
    for i in found.intervals:
        lines += [f"file '{quoted}'", f"inpoint {i.start_s:.4f}", f"outpoint {i.end_s:.4f}"]
    return "\n".join(lines) + "\n"


def clock(seconds: float) -> str:
    """Return a time as people read it: `m:ss`, from an hour on `h:mm:ss`."""
    minutes, rest = divmod(max(0, math.floor(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def timestamp(seconds: float) -> str:
    """Return a time as WebVTT writes it: `hh:mm:ss.mmm`."""
    whole, ms = divmod(_ms(seconds), 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}.{ms:03d}"


def timecode(frames: int, fps: int) -> str:
    """Return a frame's number as non-drop timecode: `hh:mm:ss:ff`."""
    whole, rest = divmod(frames, fps)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}:{rest:02d}"


def one_line(text: str) -> str:
    """Return the text without line breaks and control characters, spaces folded."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _ascii(text: str) -> str:
    """Return what old editing systems can read: the rest becomes `?`."""
    return one_line(text).encode("ascii", "replace").decode()


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))
