from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import BackendMissingError, SourceError, SourceLostError
from edge.video.frame import Frame
from edge.video.mailbox import MOST_WAITING, WAIT_S, ClosedError
from edge.video.reader import Backoff, Reader, State
from edge.video.source import SourceStats
from tests.polling import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self

FAST = Backoff(base_s=0.01, cap_s=0.03)
BGR = np.zeros((4, 6, 3), np.uint8)


@dataclass
class Programme:
    """A source that plays numbered frames and then does what a test wants."""

    frames: int
    live: bool = False
    step_s: float = 0.04
    delay_s: float = 0.0
    end: SourceError | Exception | None = None
    uri: str = "fake://programme"
    still: bool = False
    size: tuple[int, int] = (6, 4)
    fps: float | None = 25.0
    duration_s: float | None = None
    frame_count: int | None = None
    can_seek: bool = False
    closed: threading.Event = field(default_factory=threading.Event)
    given: int = 0
    dropped: int = 0

    @property
    def stats(self) -> SourceStats:
        return SourceStats(frames=self.given, dropped=self.dropped)

    def pictures(self) -> Iterator[Frame]:
        return iter(self)

    def __iter__(self) -> Iterator[Frame]:
        for number in range(self.frames):
            if self.closed.wait(self.delay_s):
                return
            self.given += 1
            yield Frame(BGR, number * self.step_s, number, time.monotonic_ns())
        if self.end:
            raise self.end
        if self.live:
            self.closed.wait()

    def seek(self, pts_s: float) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.closed.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def opener(*programmes: Programme | SourceError) -> Callable[[], Programme]:
    """Return what opens one programme after the other; the last one again and again."""
    left = list(programmes)

    def open_next() -> Programme:
        programme = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(programme, SourceError):
            raise programme
        return programme

    return open_next


def test_a_file_gives_every_frame_to_a_slow_consumer() -> None:
    with Reader("film.mp4", opener=opener(Programme(40))) as reader:
        indices = []
        for frame in reader.frames():
            time.sleep(0.002)
            indices.append(frame.index)
        assert indices == list(range(40))
        assert reader.dropped == 0
        until(lambda: reader.status.state is State.ENDED)
        assert reader.status.stats.frames == 40


def test_a_live_source_gives_the_newest_few() -> None:
    with Reader("rtsp://x", opener=opener(Programme(50, live=True))) as reader:
        until(lambda: reader.status.state is State.PLAYING)
        until(lambda: reader.dropped >= 50 - MOST_WAITING)
        assert reader.waiting == MOST_WAITING
        until(lambda: time.monotonic_ns() / 1e9 - reader.status.since_ns / 1e9 > 2 * WAIT_S)
        frame = reader.get(timeout_s=5)  # all have waited too long but the newest
        assert frame is not None
        assert frame.index == 49
        assert reader.dropped == 49
        assert reader.get(timeout_s=0.01) is None


def test_a_lost_source_is_opened_again_and_the_clock_goes_on() -> None:
    lost = SourceLostError("rtsp://x", "gone")
    programmes = [
        Programme(3, live=True, delay_s=0.02, end=SourceLostError("rtsp://x", "broke off")),
        lost,
        lost,
        Programme(4, live=True, delay_s=0.02),
    ]
    following, looked = opener(*programmes), threading.Event()
    looked.set()

    def open_next() -> Programme:
        looked.wait(5)
        looked.clear()  # only the first is opened at once
        return following()

    with Reader("rtsp://x", opener=open_next, backoff=FAST) as reader:
        seen: list[Frame] = []
        while len(seen) < 7:
            frame = reader.get(timeout_s=5)
            assert frame is not None
            seen.append(frame)
            if len(seen) == 3:
                until(lambda: reader.status.state is State.LOST, step_s=0.002)
                assert "broke off" in str(reader.status.error)
                for _ in (lost, lost, programmes[-1]):
                    looked.set()
                    until(lambda: not looked.is_set(), step_s=0.002)
        assert reader.status.state is State.PLAYING
        assert reader.status.error is None
        assert (reader.status.connects, reader.status.failures) == (2, 0)
        assert [frame.index for frame in seen] == list(range(7))
        assert all(a.pts_s < b.pts_s for a, b in pairwise(seen))
    assert reader.status.state is State.ENDED


def test_a_live_address_is_tried_until_it_answers() -> None:
    missing = SourceError("rtsp://x", "nothing there")
    sources = opener(missing, missing, missing, Programme(1, live=True))
    with Reader("rtsp://x", opener=sources, backoff=FAST) as reader:
        frame = reader.get(timeout_s=5)
        assert frame is not None
        assert reader.status.connects == 1


def test_a_bad_file_fails_at_once() -> None:
    with Reader("film.mp4", opener=opener(SourceError("film.mp4", "a text file"))) as reader:
        with pytest.raises(SourceError, match="a text file"):
            reader.get(timeout_s=5)
        until(lambda: reader.status.state is State.FAILED)
        assert "a text file" in str(reader.status.error)


def test_a_missing_library_is_not_tried_again() -> None:
    missing = BackendMissingError("rtsp://x", "no GStreamer")
    with Reader("rtsp://x", opener=opener(missing)) as reader, pytest.raises(BackendMissingError):
        reader.get(timeout_s=5)


def test_a_fault_of_ours_reaches_the_consumer(caplog: pytest.LogCaptureFixture) -> None:
    broken = Programme(2, end=ZeroDivisionError("oops"))
    with Reader("film.mp4", opener=opener(broken)) as reader:
        with pytest.raises(ZeroDivisionError):
            list(reader.frames())
        until(lambda: reader.status.state is State.FAILED)
    assert "reading failed" in caplog.text


def test_close_wakes_the_consumer_and_ends_the_thread() -> None:
    reader = Reader("rtsp://x", opener=opener(Programme(1, live=True))).start()
    assert reader.get(timeout_s=5) is not None
    ended = threading.Event()

    def consume() -> None:
        with pytest.raises(ClosedError):
            reader.get()
        ended.set()

    thread = threading.Thread(target=consume)
    thread.start()
    reader.close()
    assert ended.wait(5)
    thread.join(5)
    reader.close()
    assert not [t for t in threading.enumerate() if t.name == "video"]


def test_close_while_waiting_for_the_next_try() -> None:
    lost = SourceLostError("rtsp://x", "gone")
    slow = Backoff(base_s=60, cap_s=60)
    reader = Reader("rtsp://x", opener=opener(lost), backoff=slow).start()
    until(lambda: reader.status.state is State.LOST, step_s=0.002)
    start = time.monotonic()
    reader.close()
    assert time.monotonic() - start < 1
    with pytest.raises(ClosedError):
        reader.get(timeout_s=1)


def test_a_paced_file_plays_at_its_own_speed_and_loops() -> None:
    start = time.monotonic()
    with Reader(
        "film.mp4", opener=lambda: Programme(10, step_s=0.02), paced=True, loop=True
    ) as reader:
        pts = []
        for frame in reader.frames():
            pts.append(frame.pts_s)
            if len(pts) == 25:
                break
        took_s = time.monotonic() - start
    assert 0.4 < took_s < 3
    assert all(a < b for a, b in pairwise(pts))
    assert reader.status.connects == 1


def test_a_file_waits_at_its_end_to_be_started_again() -> None:
    made = [Programme(5), Programme(5)]
    with Reader("film.mp4", opener=lambda: made.pop(0), stay=True) as reader:
        assert reader.can_restart
        with pytest.raises(SourceError, match="started again"):
            reader.restart()  # it has not ended
        first = [reader.get(2.0) for _ in range(5)]
        while reader.status.state is not State.ENDED:
            time.sleep(0.01)
        assert reader.get(0.05) is None  # nothing comes, and nothing is over
        reader.restart()
        second = [reader.get(2.0) for _ in range(5)]
        assert all(first)
        assert all(second)
        times = [f.pts_s for f in [*first, *second] if f]
        assert times == sorted(times)
        while reader.status.state is not State.ENDED:
            time.sleep(0.01)
        started = time.monotonic()
    assert time.monotonic() - started < 1  # nor does it keep who wants to end


def test_a_loop_without_frames_ends() -> None:
    with Reader("film.mp4", opener=opener(Programme(0)), loop=True) as reader:
        assert list(reader.frames()) == []


def test_pictures_that_sources_dropped_are_counted_over_reconnects() -> None:
    lost = SourceLostError("fake://programme", "gone")
    first = Programme(3, live=True, end=lost, dropped=5)
    with Reader("udp://x", opener=opener(first, Programme(4, live=True, dropped=2))) as reader:
        deadline = time.monotonic() + 5
        overtaken = 3  # of seven pictures, which nobody took, four wait
        while reader.dropped < 5 + 2 + overtaken:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        assert reader.dropped == 5 + 2 + overtaken
    assert reader.dropped == 5 + 2 + overtaken


@given(st.integers(0, 10_000), st.floats(0, 1e6), st.floats(0, 1))
def test_waits_are_bounded(failures: int, lost_for_s: float, chance: float) -> None:
    wait_s = Backoff().wait_s(failures, lost_for_s, chance)
    assert 0 < wait_s <= (1.0 if lost_for_s < 60 else 10.0)


def test_waits_grow_with_the_failures() -> None:
    longest = [Backoff().wait_s(n, 0, 1.0) for n in range(5)]
    assert longest == [0.2, 0.4, 0.5, 0.5, 0.5]
    assert Backoff().wait_s(99, 61, 1.0) == 10.0


def test_the_count_of_dropped_pictures_never_falls() -> None:
    source = Programme(3, live=True, dropped=5)
    with Reader("udp://x", opener=opener(source)) as reader:
        reader.get(1)
        before = reader.dropped
        assert before >= 5
        source.dropped = 3  # GStreamer's own count wavers, and a counter of /metrics may not fall
        assert reader.dropped == before
