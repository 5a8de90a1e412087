"""`display://`: the programme with names on a screen that is attached to the device, by GStreamer.

On a Jetson it has not been run: there `display://nv3dsink` names NVIDIA's own sink.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from edge.errors import BackendMissingError
from edge.output.file import VideoWriteError, fit
from edge.video.sources.gstreamer import load_gst

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

REMEDY = (
    "set DISPLAY or WAYLAND_DISPLAY, or name one of GStreamer's sinks: display://kmssink; "
    "those for X11 are in the package gstreamer1.0-x"
)
SINKS = ("waylandsink", "xvimagesink", "ximagesink", "kmssink")
"""The first that opens is taken. Not autovideosink: without a display it tries others such as
DirectFB's sink, which ended the process with a segmentation fault."""
FEED = (
    "appsrc name=feed is-live=true format=time {stamp}"
    # The newest pictures win, and a slow screen or encoder never holds up the recogniser.
    " ! queue leaky=downstream max-size-buffers=2 max-size-bytes=0 max-size-time=0"
    " ! videoconvert"
)


def even_size(bgr: NDArray[np.uint8]) -> tuple[int, int]:
    """Return a picture's width and height, each one more where it is odd, as 4:2:0 wants it."""
    height, width = bgr.shape[:2]
    return width + width % 2, height + height % 2


def caps_of(size: tuple[int, int]) -> str:
    """Return the form of pictures as `buffer_of` hands them to GStreamer."""
    # The rate is for the encoder's budget only; each picture carries its own time.
    return f"video/x-raw,format=BGRx,width={size[0]},height={size[1]},framerate=25/1"


def buffer_of(gst: Any, bgr: NDArray[np.uint8], size: tuple[int, int]) -> Any:
    """Return a buffer with a copy of a picture; BGRx has no padding at the end of a row."""
    import cv2  # noqa: PLC0415 - keeps this module's import as light as its neighbours'

    return gst.Buffer.new_wrapped(cv2.cvtColor(fit(bgr, size), cv2.COLOR_BGR2BGRA).tobytes())


class DisplayWriter:
    """Shows frames on a screen as they come.

    Args:
        uri: `display://`, or `display://NAME` with the name of one of GStreamer's sinks.

    Raises:
        VideoWriteError: the name is not possible.
        BackendMissingError: GStreamer, the sink or a display is missing.
    """

    wanted = True

    def __init__(self, uri: str) -> None:
        name = uri.partition("://")[2].strip("/")
        if name and not name.isidentifier():
            raise VideoWriteError(f"output: {uri}, expected display:// or display://NAME")
        self._uri = uri
        self._gst = gst = load_gst(uri)
        if name and gst.ElementFactory.find(name) is None:
            raise BackendMissingError(uri, f"GStreamer has no sink {name}", remedy=REMEDY)
        chosen = next((sink for sink in ([name] if name else SINKS) if self._opens(sink)), None)
        if chosen is None:
            raise BackendMissingError(uri, "no display that can be opened", remedy=REMEDY)
        log.info("%s: shown by %s", uri, chosen)
        self._size = (0, 0)
        launch = f"{FEED.format(stamp='do-timestamp=true')} ! {chosen} sync=false"
        self._pipeline = gst.parse_launch(launch)
        self._feed = self._pipeline.get_by_name("feed")

    def _opens(self, name: str) -> bool:
        """Return whether a sink is installed and finds its display."""
        sink = self._gst.ElementFactory.make(name, None)
        if sink is None:
            return False
        opened = sink.set_state(self._gst.State.READY) != self._gst.StateChangeReturn.FAILURE
        sink.set_state(self._gst.State.NULL)
        return bool(opened)

    def write(self, bgr: NDArray[np.uint8], _pts_s: float) -> None:
        """Show a frame.

        Args:
            bgr: uint8 (height, width, 3), BGR; another size than the first one's is letterboxed.
            _pts_s: live pictures are shown as they come.

        Raises:
            VideoWriteError: the display has gone, or its window was closed.
        """
        gst = self._gst
        if self._size == (0, 0):
            self._size = even_size(bgr)
            self._feed.set_property("caps", gst.Caps.from_string(caps_of(self._size)))
            self._pipeline.set_state(gst.State.PLAYING)
        message = self._pipeline.get_bus().pop_filtered(gst.MessageType.ERROR)
        if message is not None:
            error, _ = message.parse_error()
            raise VideoWriteError(f"{self._uri}: {error.message}")
        self._feed.emit("push-buffer", buffer_of(gst, bgr, self._size))

    def close(self) -> None:
        """Close the window."""
        self._pipeline.set_state(self._gst.State.NULL)
