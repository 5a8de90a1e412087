"""A source that is read ahead gives the same pictures, and says what belongs to each of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge.video.frame import Frame
from edge.video.read_ahead import AHEAD, ReadAhead, ahead
from edge.video.source import SourceStats

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge.video.frame import Picture

BLACK = np.zeros((36, 64, 3), np.uint8)


class Counting:
    """A source of so many pictures that counts those that were drawn."""

    live = still = False

    def __init__(self, count: int) -> None:
        self._count = count
        self.drawn = 0
        self.full = threading.Event()

    @property
    def stats(self) -> SourceStats:
        return SourceStats(frames=self.drawn)

    def pictures(self) -> Iterator[Picture]:
        for index in range(self._count):
            self.drawn += 1
            if self.drawn == AHEAD + 2:
                self.full.set()
            yield Frame(BLACK, index / 25, index, 0)


def same(picture: Picture) -> Picture:
    return picture


def test_it_runs_so_many_pictures_ahead_and_no_more() -> None:
    source = Counting(50)
    pictures = ReadAhead(source, same).pictures()  # type: ignore[arg-type]
    next(pictures)
    assert source.full.wait(10)
    assert source.drawn == AHEAD + 2
    assert [picture.index for picture in pictures] == list(range(1, 50))


def test_what_the_source_says_keeps_step_with_the_pictures_that_were_taken() -> None:
    source = Counting(20)
    film = ReadAhead(source, same)  # type: ignore[arg-type]
    told = []
    for picture in film.pictures():
        source.full.wait(10)
        told.append((picture.index, film.stats.frames))
    assert told == [(i, i + 1) for i in range(20)]
    assert film.stats.frames == 20


def test_what_it_raises_comes_after_the_pictures_before_it() -> None:
    def breaks() -> Iterator[int]:
        yield from range(3)
        raise OSError("gone")

    items = ahead(breaks())
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="gone"):
        next(items)


def test_its_thread_ends_where_the_pictures_are_left() -> None:
    def others() -> set[str]:
        return {thread.name for thread in threading.enumerate()}

    items = ahead(iter(range(1000)))
    assert next(items) == 0
    assert "tvradar-ahead" in others()
    items.close()
    assert "tvradar-ahead" not in others()
