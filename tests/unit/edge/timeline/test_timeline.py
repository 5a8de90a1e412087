from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from edge.cli.timeline import to_table
from edge.offline.summary import IdentifiedFace
from edge.timeline.build import build_timeline, merge
from edge.timeline.timeline import (
    Interval,
    TimelineError,
    spans,
    timecode,
    timestamp,
    to_concat,
    to_cut_list,
    to_edl,
    to_json,
    to_vtt,
)

FRAME_S = 0.04


def face(
    frame: int, person: str | None, name: str | None = None, score: float = 0.5
) -> IdentifiedFace:
    pts_s, box = round(frame * FRAME_S, 4), (0.0, 0.0, 9.0, 9.0)
    return IdentifiedFace(pts_s, frame, 1, box, person, name or person, score, None, ())


def shown(person: str, *ranges: tuple[int, int], name: str | None = None) -> list[IdentifiedFace]:
    return [face(n, person, name) for first, end in ranges for n in range(first, end)]


frames = st.lists(st.integers(0, 3000), min_size=1, max_size=60)


@given(frames, st.sampled_from([0.0, 0.2, 1.0, 5.0]))
def test_intervals_are_apart_in_order_and_cover_all_frames(seen: list[int], gap_s: float) -> None:
    times = [n * FRAME_S for n in seen]
    merged = merge(times, FRAME_S, max_gap_s=gap_s)
    for before, after in pairwise(merged):
        assert after.start_s - before.end_s > gap_s - 1e-3
    for time_s in times:
        assert sum(i.start_s - 1e-3 <= time_s < i.end_s for i in merged) == 1
    starts, ends = {round(t, 4) for t in times}, {round(t + FRAME_S, 4) for t in times}
    assert all(i.start_s in starts and i.end_s in ends for i in merged)


@given(frames, st.randoms(use_true_random=False))
def test_merging_does_not_depend_on_the_order(seen: list[int], random: Any) -> None:
    times = [n * FRAME_S for n in seen]
    mixed = [*times, *times]
    random.shuffle(mixed)
    assert merge(times, FRAME_S, max_gap_s=1) == merge(mixed, FRAME_S, max_gap_s=1)


def test_neighbouring_frames_join_even_where_nothing_is_bridged() -> None:
    times = [round(n / 30, 4) for n in range(90)]
    assert len(merge(times, 1 / 30, max_gap_s=0.001)) == 1


def test_a_timeline_has_the_longest_seen_first_and_bridges_short_absences() -> None:
    faces = shown("a", (0, 25)) + shown("b", (10, 50), (60, 80)) + [face(5, None)]
    timeline = build_timeline(faces, source="film.mp4", duration_s=4.0)
    assert [p.id for p in timeline.people] == ["b", "a"]
    assert timeline.people[0].intervals == (Interval(0.4, 3.2),)
    assert timeline.people[0].seconds == pytest.approx(2.8)
    assert timeline.frame_s == pytest.approx(FRAME_S)


def test_short_appearances_can_be_left_out() -> None:
    faces = shown("a", (0, 2), (100, 150)) + shown("b", (3, 5))
    timeline = build_timeline(faces, source="f", min_s=0.5)
    assert [(p.id, len(p.intervals)) for p in timeline.people] == [("a", 1)]


def test_nobody_gives_an_empty_timeline() -> None:
    timeline = build_timeline([], source="f")
    assert timeline.people == ()
    assert timeline.duration_s == 0
    assert to_vtt(timeline).startswith("WEBVTT\n")


def test_the_frame_duration_is_measured_across_gaps() -> None:
    seen = [face(0, "a"), face(10, "a"), face(11, None), face(11, "a")]
    assert build_timeline(seen, source="f").frame_s == pytest.approx(FRAME_S)
    assert build_timeline(reversed(seen), source="f").frame_s == pytest.approx(FRAME_S)
    assert build_timeline([face(7, "a")], source="f").frame_s == pytest.approx(0.04)


people = st.lists(
    st.tuples(st.sampled_from("abcd"), st.integers(0, 400), st.integers(1, 60)), max_size=8
)


@given(people)
def test_spans_tell_who_is_there_at_each_moment(appearances: list[tuple[str, int, int]]) -> None:
    faces = [f for p, first, n in appearances for f in shown(p, (first, first + n))]
    timeline = build_timeline(faces, source="f", max_gap_s=0.1)
    found = spans(timeline)
    for (before, _), (after, _) in pairwise(found):
        assert before.end_s <= after.start_s
    for moment in range(0, 470, 7):
        time_s = moment * FRAME_S + FRAME_S / 2
        wanted = {
            p.id for p in timeline.people for i in p.intervals if i.start_s <= time_s < i.end_s
        }
        told = [{p.id for p in who} for i, who in found if i.start_s <= time_s < i.end_s]
        assert told == ([wanted] if wanted else [])


CUE = re.compile(r"(\d\d+:\d\d:\d\d\.\d{3}) --> (\d\d+:\d\d:\d\d\.\d{3})\n([^\n]+)\n")


@given(st.text(max_size=30), people)
def test_no_name_breaks_out_of_a_webvtt_cue(
    name: str, appearances: list[tuple[str, int, int]]
) -> None:
    faces = [f for p, a, n in appearances for f in shown(p, (a, a + n), name=p + name)]
    timeline = build_timeline(faces, source="f")
    text = to_vtt(timeline)
    assert CUE.sub("", text).split() == ["WEBVTT"]
    cues = CUE.findall(text)
    assert len(cues) == len(spans(timeline))
    for start, end, line in cues:
        assert start < end
        assert not set("<>") & set(line)
        assert "-->" not in line


def test_markup_in_names_is_escaped_in_webvtt() -> None:
    faces = shown("a", (0, 5), name="<i>Tom & Jerry --> </i>\n\n00:01")
    assert "&lt;i&gt;Tom &amp; Jerry --&gt; &lt;/i&gt; 00:01" in to_vtt(
        build_timeline(faces, source="f")
    )


def test_the_cut_list_of_one_person() -> None:
    timeline = build_timeline(shown("a", (0, 25), (100, 150), name="安"), source="film.mp4")
    assert to_cut_list(timeline, "a") == (
        "# 安: 3.00 s of film.mp4\n"
        "00:00:00.000\t00:00:01.000\t1.000\n"
        "00:00:04.000\t00:00:06.000\t2.000\n"
    )
    with pytest.raises(TimelineError, match=r"bob: does not appear in film\.mp4, which shows a"):
        to_cut_list(timeline, "bob")


def test_the_edl_has_whole_frames_and_a_running_record() -> None:
    timeline = build_timeline(shown("a", (0, 25), (100, 153), name="安"), source="/x/film 影.mp4")
    assert to_edl(timeline, "a") == (
        "TITLE: a\nFCM: NON-DROP FRAME\n\n"
        "001  AX       V     C        00:00:00:00 00:00:01:00 00:00:00:00 00:00:01:00\n"
        "* FROM CLIP NAME: film ?.mp4\n\n"
        "002  AX       V     C        00:00:04:00 00:00:06:03 00:00:01:00 00:00:03:03\n"
        "* FROM CLIP NAME: film ?.mp4\n"
    )


def test_an_edl_refuses_more_events_than_the_format_has() -> None:
    faces = [face(n * 100, "a") for n in range(1000)]
    timeline = build_timeline(faces, source="f", frame_s=FRAME_S)
    with pytest.raises(TimelineError, match="1000 events"):
        to_edl(timeline, "a")


@given(st.integers(0, 10_000_000), st.integers(1, 60))
def test_timecodes_count_back_to_their_frame(frames: int, fps: int) -> None:
    hours, minutes, seconds, rest = (int(x) for x in timecode(frames, fps).split(":"))
    assert ((hours * 60 + minutes) * 60 + seconds) * fps + rest == frames
    assert rest < fps


@given(st.floats(0, 360_000))
def test_timestamps_are_exact_to_the_millisecond(seconds: float) -> None:
    hours, minutes, rest = timestamp(seconds).split(":")
    assert int(hours) * 3600 + int(minutes) * 60 + float(rest) == pytest.approx(
        seconds, abs=0.00051
    )
    assert float(rest) < 60


def test_the_ffmpeg_list_quotes_the_name() -> None:
    timeline = build_timeline(shown("a", (25, 50)), source="/f/it's.mp4")
    assert to_concat(timeline, "a") == (
        "ffconcat version 1.0\nfile '/f/it'\\''s.mp4'\ninpoint 1.0000\noutpoint 2.0000\n"
    )
    with pytest.raises(TimelineError, match="line break"):
        to_concat(build_timeline(shown("a", (0, 5)), source="a\nfile b"), "a")


def test_json_is_one_object_with_all_intervals() -> None:
    value = json.loads(to_json(build_timeline(shown("a", (0, 25)), source="f")))
    assert value["people"][0]["intervals"] == [{"start_s": 0.0, "end_s": 1.0}]
    assert value["people"][0]["id"] == "a"


def test_the_table_takes_names_as_they_are() -> None:
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    with console.file:
        timeline = build_timeline(shown("a", (0, 25), name="[red]安"), source="f", duration_s=2.0)
        console.print(to_table(timeline, width=10))
    text = console.export_text()
    assert "[red]安" in text
    assert "█████·····" in text
