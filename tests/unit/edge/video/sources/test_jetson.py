"""jetson-utils by a stand-in with its API; the real one runs only on a Jetson."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edge.errors import BackendMissingError, SourceError, SourceLostError
from edge.video.open import open_source
from edge.video.source import SourceOptions
from edge.video.sources.jetson import JetsonSource


@dataclass
class Ring:
    """A videoSource that reuses one buffer, as the real one does its four."""

    script: list[int | None]
    streaming: bool = True
    buffer: Any = field(default_factory=lambda: np.zeros((4, 6, 3), np.uint8))
    closed: int = 0

    def Open(self) -> None: ...  # noqa: N802

    def Close(self) -> None:  # noqa: N802
        self.closed += 1

    def GetWidth(self) -> int:  # noqa: N802
        return 6

    def GetHeight(self) -> int:  # noqa: N802
        return 4

    def GetFrameRate(self) -> float:  # noqa: N802
        return 25.0

    def IsStreaming(self) -> bool:  # noqa: N802
        return self.streaming

    def Capture(self, *, format: str, timeout: int) -> Any:  # noqa: A002, N802
        assert (format, timeout > 0) == ("rgb8", True)
        if not self.script:
            self.streaming = False
            return None
        value = self.script.pop(0)
        if value is None:
            return None
        self.buffer[:] = (value, 0, 200)
        return SimpleNamespace(array=self.buffer, timestamp=(value + 1) * 40_000_000)


def utils_of(ring: Ring, seen: list[Any] | None = None) -> Any:
    def make(uri: str, *, argv: list[str]) -> Ring:
        if seen is not None:
            seen.append((uri, argv))
        return ring

    return SimpleNamespace(
        videoSource=make, cudaDeviceSynchronize=lambda: None, cudaToNumpy=lambda image: image.array
    )


def test_frames_are_copied_out_of_the_ring() -> None:
    seen: list[Any] = []
    ring = Ring([1, None, 2, 3])
    options = SourceOptions(size=(1280, 720), fps=30, live=False)
    with JetsonSource("csi://0", options, utils_of(ring, seen)) as source:
        assert (source.size, source.fps, source.live) == ((6, 4), 25.0, False)
        frames = list(source)
    assert [frame.bgr[0, 0].tolist() for frame in frames] == [[200, 0, n] for n in (1, 2, 3)]
    assert [frame.pts_s for frame in frames] == pytest.approx([0, 0.04, 0.08])
    assert ring.closed == 1
    assert seen == [
        ("csi://0", ["--headless", "--input-width=1280", "--input-height=720", "--input-rate=30"])
    ]


def test_a_live_stream_that_ends_is_lost() -> None:
    source = JetsonSource("rtsp://x", SourceOptions(), utils_of(Ring([1])))
    with pytest.raises(SourceLostError, match="ended after 1 frames"):
        list(source)


def test_a_silent_stream_is_lost() -> None:
    silent = Ring([None] * 10_000)
    source = JetsonSource("rtsp://x", SourceOptions(open_timeout_s=0.01), utils_of(silent))
    with pytest.raises(SourceLostError, match="no data"):
        list(source)


def test_what_cannot_be_opened() -> None:
    def fail(uri: str, *, argv: list[str]) -> None:
        raise Exception("failed to create videoSource device")  # noqa: TRY002

    with pytest.raises(SourceError, match="failed to create"):
        JetsonSource("csi://7", SourceOptions(), SimpleNamespace(videoSource=fail))


def test_without_jetson_utils() -> None:
    with pytest.raises(BackendMissingError, match="jetson-utils is not installed") as caught:
        open_source("csi://0")
    assert caught.value.exit_code == 3
