"""Films made on the spot: each frame shows its number and two known colours."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol

import av
import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

LEFT_BGR = (40, 60, 200)  # a red
RIGHT_BGR = (190, 120, 50)  # a blue
BITS = 8


def draw(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """Paint a frame: its number in black and white blocks above, two colours below."""
    bgr = np.empty((height, width, 3), np.uint8)
    bgr[:, : width // 2] = LEFT_BGR
    bgr[:, width // 2 :] = RIGHT_BGR
    for bit in range(BITS):
        left, right = bit * width // BITS, (bit + 1) * width // BITS
        bgr[: height // 4, left:right] = 235 if number >> bit & 1 else 20
    return bgr


def number_of(bgr: NDArray[np.uint8]) -> int:
    """Read the number that `draw` painted."""
    height, width = bgr.shape[:2]
    row = bgr[height // 8].mean(axis=1)
    return int(sum((row[(2 * bit + 1) * width // (2 * BITS)] > 128) << bit for bit in range(BITS)))


def colours_of(bgr: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the mean of the two colours, float64 (2, 3), BGR."""
    height, width = bgr.shape[:2]
    band = bgr[int(height * 0.6) : int(height * 0.9)]
    left = band[:, int(width * 0.1) : int(width * 0.4)].mean(axis=(0, 1))
    right = band[:, int(width * 0.6) : int(width * 0.9)].mean(axis=(0, 1))
    return np.stack([left, right])


class FilmMaker(Protocol):
    def __call__(self, name: str, **kwargs: Any) -> Path: ...


def write_film(
    path: Path,
    *,
    size: tuple[int, int] = (160, 96),
    frames: int = 30,
    fps: int = 25,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    container_format: str | None = None,
    container_options: dict[str, str] | None = None,
    pts: Sequence[int] | None = None,
    aspect: Fraction | None = None,
    colorspace: int | None = None,
    full_range: bool = False,
    tags: tuple[int, int] | None = None,
    sound: bool = False,
    before_mux: Callable[[int, bytes], bytes | None] | None = None,
) -> Path:
    """Encode numbered frames; `pts` in units of 1/1000 s, otherwise steady."""
    with av.open(
        str(path), "w", format=container_format, options=container_options or {}
    ) as container:
        stream = container.add_stream(codec, rate=fps)
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        context = stream.codec_context
        context.time_base = Fraction(1, 1000) if pts else Fraction(1, fps)
        context.options = {"preset": "ultrafast", "g": "10"} | (options or {})
        if codec not in {"libx264", "libx265"}:
            context.options = {"g": "10"} | (options or {})
            context.bit_rate = 4_000_000
        if aspect:
            context.sample_aspect_ratio = aspect
        if colorspace is not None:
            context.colorspace = colorspace
        if full_range:
            context.color_range = 2
        if tags:
            context.color_trc, context.color_primaries = tags
        audio = container.add_stream("aac", rate=48000) if sound else None
        for number in range(frames):
            painted = av.VideoFrame.from_ndarray(draw(number, *size), format="bgr24")
            frame = painted.reformat(
                format=pix_fmt,
                dst_colorspace=colorspace,
                dst_color_range=2 if full_range else None,
            )
            frame.pts = pts[number] if pts else number
            frame.time_base = context.time_base
            mux(container, stream.encode(frame), before_mux)
        mux(container, stream.encode(None), before_mux)
        if audio is not None:
            write_silence(container, audio, frames / fps)
    return path


def mux(
    container: av.container.OutputContainer,
    packets: Sequence[av.Packet],
    change: Callable[[int, bytes], bytes | None] | None,
) -> None:
    for packet in packets:
        if change is not None:
            content = change(packet.pts or 0, bytes(packet))
            if content is None:
                continue
            changed = av.Packet(content)
            changed.stream, changed.time_base = packet.stream, packet.time_base
            changed.pts, changed.dts = packet.pts, packet.dts
            changed.is_keyframe = packet.is_keyframe
            container.mux(changed)
        else:
            container.mux(packet)


def write_silence(container: av.container.OutputContainer, stream: Any, length_s: float) -> None:
    for start in range(0, int(length_s * 48000), 1024):
        frame = av.AudioFrame.from_ndarray(
            np.zeros((2, 1024), np.float32), format="fltp", layout="stereo"
        )
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


@pytest.fixture
def film(tmp_path: Path) -> FilmMaker:
    """Return a function that writes a film into this test's folder."""
    return lambda name, **kwargs: write_film(tmp_path / name, **kwargs)


@pytest.fixture(scope="session")
def painter() -> SimpleNamespace:
    """Return what paints and reads numbered frames."""
    return SimpleNamespace(
        draw=draw,
        number_of=number_of,
        colours_of=colours_of,
        write_film=write_film,
        COLOURS=np.array([LEFT_BGR, RIGHT_BGR], dtype=float),
    )
