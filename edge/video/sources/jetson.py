"""jetson-utils' `videoSource`: CSI cameras, V4L2 and streams with NVIDIA's decoders.

Built to the API of jetson-utils (python/bindings/PyVideo.cpp). Not run on hardware.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.errors import BackendMissingError, SourceError, SourceLostError
from edge.video.frame import Frame
from edge.video.pts import PtsNormaliser
from edge.video.source import SourceStats
from edge.video.sources.closing import Closing
from edge.video.uri import LIVE_SCHEMES, scheme_of, without_password

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge.video.source import SourceOptions

POLL_MS = 200


class JetsonSource(Closing):
    """Frames of jetson-utils, each copied out of its ring of four buffers.

    Args:
        uri: what jetson-utils takes: csi://0, v4l2:///dev/video0, rtsp://, webrtc://, a file.
        options: `size` and `fps` are passed on.
        utils: the module `jetson_utils`; None imports it.

    Raises:
        BackendMissingError: jetson-utils is not installed.
        SourceError: it cannot open the source.
    """

    still = False
    can_seek = False

    def __init__(self, uri: str, options: SourceOptions, utils: Any = None) -> None:
        self.uri = without_password(uri)
        self._options = options
        self._utils = utils if utils is not None else _import_utils(self.uri)
        self.live = scheme_of(uri) in LIVE_SCHEMES if options.live is None else options.live
        self._closing = threading.Event()
        self._native = threading.Lock()
        self._closed = False
        self._frames = 0
        arguments = ["--headless"]
        if options.size:
            arguments += [f"--input-width={options.size[0]}", f"--input-height={options.size[1]}"]
        if options.fps:
            arguments.append(f"--input-rate={options.fps:g}")
        try:
            self._source = self._utils.videoSource(uri, argv=arguments)
            self._source.Open()
        except Exception as error:  # jetson-utils raises plain Exception
            raise SourceError(self.uri, f"jetson-utils cannot open it ({error})") from error
        self.size = (int(self._source.GetWidth()), int(self._source.GetHeight()))
        rate = float(self._source.GetFrameRate())
        self.fps: float | None = rate if rate > 0 else None
        self.duration_s: float | None = None
        self.frame_count: int | None = None
        self._normaliser = PtsNormaliser(step_s=1 / rate if rate > 0 else 0.04)

    @property
    def stats(self) -> SourceStats:
        """What happened so far."""
        return SourceStats(
            frames=self._frames,
            pts_jumps=self._normaliser.jumps,
            pts_missing=self._normaliser.missing,
        )

    def __iter__(self) -> Iterator[Frame]:
        """Iterate frames."""
        silent_since = time.monotonic()
        try:
            while not self._closing.is_set():
                with self._native:
                    frame = None if self._closing.is_set() else self._capture()
                if frame is not None:
                    silent_since = time.monotonic()
                    yield frame
                elif self._closing.is_set() or not self._goes_on(silent_since):
                    return
        finally:
            self.close()

    def pictures(self) -> Iterator[Frame]:
        """Iterate frames."""
        return iter(self)

    def _goes_on(self, silent_since: float) -> bool:
        if not self._source.IsStreaming():
            if self.live:
                raise SourceLostError(self.uri, f"the stream ended after {self._frames} frames")
            return False
        limit_s = self._options.read_timeout_s if self._frames else self._options.open_timeout_s
        if time.monotonic() - silent_since > limit_s:
            raise SourceLostError(self.uri, f"no data for {limit_s:g} s")
        return True

    def _capture(self) -> Frame | None:
        try:
            image = self._source.Capture(format="rgb8", timeout=POLL_MS)
        except Exception as error:  # jetson-utils raises plain Exception
            # Old releases raise it for a timeout too; IsStreaming tells the one from the other.
            if self._source.IsStreaming():
                return None
            raise SourceLostError(self.uri, f"the stream broke off ({error})") from error
        if image is None:
            return None
        # The ring is filled on the GPU, and the image names no stream to wait for.
        self._utils.cudaDeviceSynchronize()
        rgb = self._utils.cudaToNumpy(image)
        bgr = np.ascontiguousarray(np.asarray(rgb, dtype=np.uint8)[..., ::-1])
        self.size = (bgr.shape[1], bgr.shape[0])
        stamp_ns = getattr(image, "timestamp", 0)
        pts_s = self._normaliser.normalise(stamp_ns / 1e9 if stamp_ns else None)
        index = self._frames
        self._frames += 1
        return Frame(bgr, pts_s, index, time.monotonic_ns())

    def seek(self, pts_s: float) -> None:
        """Refuse: jetson-utils cannot."""
        raise SourceError(
            self.uri, f"jetson-utils cannot go to second {pts_s:.1f}", "a file by PyAV"
        )

    def close(self) -> None:
        """End the iteration and close the source; another thread's `Capture` ends within 0.2 s."""
        self._closing.set()
        if self._native.acquire(blocking=False):
            try:
                if not self._closed:
                    self._closed = True
                    self._source.Close()
            finally:
                self._native.release()


def _import_utils(uri: str) -> Any:
    try:
        import jetson_utils  # noqa: PLC0415
    except ImportError as error:
        remedy = "build jetson-utils on the Jetson, or use backend gstreamer or pyav"
        raise BackendMissingError(uri, "jetson-utils is not installed", remedy=remedy) from error
    if not is_real(jetson_utils):
        raise BackendMissingError(
            uri,
            "jetson_utils is PyPI's unrelated package of that name",
            remedy='"pip uninstall jetson-utils", then build dusty-nv/jetson-utils on the Jetson',
        )
    return jetson_utils


def is_real(module: object) -> bool:
    """Return whether a module called jetson_utils is NVIDIA's; PyPI's has nothing of a camera."""
    return hasattr(module, "videoSource") and hasattr(module, "cudaToNumpy")
