"""A source that is read ahead: decoding goes on while pictures are looked at."""

from __future__ import annotations

import queue
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from edge.video.frame import Picture
    from edge.video.source import Source, SourceStats

T = TypeVar("T")

AHEAD = 4
"""Pictures that wait: more bridge a longer look, and take the memory of a picture each."""
ENDING_S = 1.0
"""A source that waits for its next picture is not waited for longer than this."""


class ReadAhead:
    """A source whose pictures are drawn in a thread of its own, some ahead of who takes them.

    What the source says of itself keeps step with the pictures that were taken, not with those
    that wait, so that a film gives the same answer each time.

    Args:
        source: opened; whoever opened it closes it.
        prepare: what else that thread does with each picture.
    """

    def __init__(self, source: Source, prepare: Callable[[Picture], Picture]) -> None:
        self._source, self._prepare = source, prepare
        self._stats: SourceStats | None = None

        self.still, self.live = source.still, source.live

    @property
    def stats(self) -> SourceStats:
        """What had happened when the last picture was decoded; of the whole source at its end."""
        return self._stats or self._source.stats

    def pictures(self) -> Generator[Picture, None, None]:
        """Iterate the pictures."""
        with closing(ahead(self._drawn())) as drawn:
            for picture, stats in drawn:
                self._stats = stats
                yield picture
                del picture  # or the decoder has one buffer less while we wait
        self._stats = None

    def _drawn(self) -> Iterator[tuple[Picture, SourceStats]]:
        for picture in self._source.pictures():
            yield self._prepare(picture), self._source.stats
            del picture


class _End:
    """There is nothing more, or the error that ended it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Drawer(Generic[T]):
    """Draws items into a queue, in a thread of its own, until it is told to stop."""

    def __init__(self, items: Iterable[T], count: int) -> None:
        self.drawn: queue.Queue[T | _End] = queue.Queue(count)
        self._items, self._stop = items, threading.Event()
        # a source that never gives its next picture must not keep the process alive
        self._thread = threading.Thread(target=self._draw, name="tvradar-ahead", daemon=True)
        self._thread.start()

    def _draw(self) -> None:
        end = _End()
        try:
            for item in self._items:
                if self._stop.is_set():
                    return
                self.drawn.put(item)
                del item
        except BaseException as error:  # noqa: BLE001 - raised in the thread that asks
            end = _End(error)
        self.drawn.put(end)

    def stop(self) -> None:
        """End the thread, soon."""
        self._stop.set()
        while self._thread.is_alive():
            while not self.drawn.empty():
                self.drawn.get()
            self._thread.join(ENDING_S)
            if self.drawn.empty():
                return


def ahead(items: Iterable[T], count: int = AHEAD) -> Generator[T, None, None]:
    """Yield items that another thread draws, which runs so many ahead.

    What the items raise is raised here, after those before it. The thread ends with the iteration.
    """
    drawer = _Drawer(items, count)
    try:
        while not isinstance(item := drawer.drawn.get(), _End):
            yield item
            del item
        if item.error is not None:
            raise item.error
    finally:
        drawer.stop()
