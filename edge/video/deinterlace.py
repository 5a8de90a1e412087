"""Make whole pictures of interlaced ones, with FFmpeg's bwdif filter."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from av.filter import Graph

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.video.frame import VideoFrame

log = logging.getLogger(__name__)


class Deinterlacer:
    """Passes frames on, deinterlaced from the first one on that says it is interlaced.

    One picture per frame comes out (not one per field), and one frame later: bwdif looks both ways.

    Args:
        always: treat every frame as interlaced, for streams that fail to say so.
    """

    def __init__(self, *, always: bool = False) -> None:
        self._always = always
        self._graph: Graph | None = None
        self._form: tuple[int, int, str] | None = None

    def push(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        """Take one frame and give what is ready."""
        if self._graph is None and not (self._always or frame.interlaced_frame):
            yield frame
            return
        form = (frame.width, frame.height, frame.format.name)
        if form != self._form:
            yield from self.flush()
            self._graph, self._form = self._build(frame), form
        assert self._graph is not None
        self._graph.vpush(frame)
        yield from self._pull()

    def flush(self) -> Iterator[VideoFrame]:
        """Give what the filter still holds; the next frame starts it again."""
        if self._graph is not None:
            self._graph.vpush(None)
            yield from self._pull()
        self.reset()

    def reset(self) -> None:
        """Forget what the filter holds: the reader has moved in the stream."""
        self._graph, self._form = None, None

    def _build(self, frame: VideoFrame) -> Graph:
        log.info("interlaced %dx%d: deinterlacing with bwdif", frame.width, frame.height)
        graph = Graph()
        source = graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=frame.time_base,
        )
        which = "all" if self._always else "interlaced"
        bwdif = graph.add("bwdif", f"mode=send_frame:deint={which}")
        sink = graph.add("buffersink")
        source.link_to(bwdif)
        bwdif.link_to(sink)
        graph.configure()
        return graph

    def _pull(self) -> Iterator[VideoFrame]:
        assert self._graph is not None
        with contextlib.suppress(BlockingIOError, EOFError):
            while True:
                yield self._graph.vpull()
