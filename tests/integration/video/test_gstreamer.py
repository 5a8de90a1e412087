"""Files by GStreamer's appsink; its streams are in test_streams.py beside PyAV's."""

from __future__ import annotations

import contextlib
import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edge.errors import EdgeError, SourceError, SourceLostError
from edge.recognise.shots import ShotDetector
from edge.video.open import open_source
from edge.video.source import SourceOptions
from tests.free import FRAMES, Free

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("gstreamer")
GSTREAMER = SourceOptions(backend="gstreamer")


@pytest.mark.parametrize(
    ("name", "kwargs", "shape"),
    [
        ("plain.mp4", {}, (96, 160, 3)),
        ("sound.ts", {"sound": True}, (96, 160, 3)),
        ("odd.mkv", {"size": (161, 97), "pix_fmt": "yuv444p"}, (97, 161, 3)),
        ("anamorphic.mp4", {"aspect": Fraction(16, 11)}, (96, 233, 3)),
        ("10bit.mp4", {"pix_fmt": "yuv420p10le"}, (96, 160, 3)),
        ("mpeg2.ts", {"codec": "mpeg2video"}, (96, 160, 3)),
    ],
)
def test_every_frame_in_order_with_its_colours(
    film: Any, painter: Any, name: str, kwargs: dict[str, Any], shape: tuple[int, int, int]
) -> None:
    with open_source(str(film(name, **kwargs)), options=GSTREAMER) as source:
        assert (source.live, source.size, source.fps) == (False, (shape[1], shape[0]), 25)
        frames = list(source)
    assert [painter.number_of(frame.bgr) for frame in frames] == list(range(30))
    assert [frame.pts_s for frame in frames] == pytest.approx([n / 25 for n in range(30)], abs=2e-3)
    assert {frame.bgr.shape for frame in frames} == {shape}
    np.testing.assert_allclose(painter.colours_of(frames[5].bgr), painter.COLOURS, atol=7)


def test_the_real_clip_is_the_same_as_by_pyav(free: Free) -> None:
    path = str(free.clip)
    compared = 0
    with open_source(path) as ours, open_source(path, options=GSTREAMER) as theirs:
        for one, other in zip(ours, theirs, strict=True):
            if one.index % 25 == 0:
                difference = np.abs(one.bgr.astype(int) - other.bgr)
                assert difference.mean() < 4
            compared += 1
    assert compared == FRAMES


def test_seeking(film: Any, painter: Any) -> None:
    with open_source(str(film("seek.mp4", frames=100)), options=GSTREAMER) as source:
        frames = iter(source)
        next(frames)
        source.seek(2.5)
        after = [next(frames) for _ in range(8)]
        assert any(
            1.9 <= frame.pts_s <= 2.5 and painter.number_of(frame.bgr) == round(frame.pts_s * 25)
            for frame in after
        )


@pytest.mark.parametrize("content", [b"this is no film\n" * 50, bytes(range(256)) * 20])
def test_what_is_no_video(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "no.mp4"
    path.write_bytes(content)
    with pytest.raises(SourceError, match="no video that GStreamer can read"):
        open_source(str(path), options=GSTREAMER)


def test_nobody_answers(network: Any) -> None:
    with pytest.raises(EdgeError):
        open_source(f"rtsp://127.0.0.1:{network.free_port()}/x", options=GSTREAMER)


def test_a_stream_loses_no_picture_to_short_stalls_and_counts_those_of_long_ones(
    free: Free, rtsp_server: Any, network: Any
) -> None:
    port = network.free_port()
    server = rtsp_server(free.clip, port)
    shots, cuts, taken = ShotDetector(), 0, 0
    options = SourceOptions(backend="gstreamer", read_timeout_s=1.5)
    try:
        with (
            open_source(f"rtsp://127.0.0.1:{port}/live", options=options) as source,
            contextlib.suppress(SourceLostError),  # how a stream ends
        ):
            for taken, frame in enumerate(source, 1):
                cuts += shots.is_cut(frame.bgr)
                if taken == 150:
                    assert source.stats.dropped <= 15  # of a busy machine: it lost 48 before
                    time.sleep(1)
                elif taken % 20 == 0:
                    time.sleep(0.12)
    finally:
        server.stop()
    dropped = source.stats.dropped
    assert dropped >= 12  # of the 25 in that second, less those that the queue holds
    assert FRAMES - 2 <= taken + dropped <= FRAMES
    assert cuts == 3
