"""The film that `bench live` sends: another film's pictures in a form of television.

Each picture has its number drawn as black and white blocks along the top, by which it is known
again at the other end. Fine grain is laid over it, so that a scaled film needs the bits of a real
one. Captions, where they are wanted, stand in the lower third for two seconds of each four.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import av
import cv2
import msgspec
import numpy as np
from av.video.reformatter import Colorspace
from PIL import Image, ImageDraw

from edge.output.fonts import font_for
from edge.video.open import open_source
from edge.video.source import SourceOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

LiveSize = Literal["360p25", "720p50", "1080p25", "1080p50", "2160p25"]
FILM_S = 8
"""Longer than any delay, so that a picture's number says which sending it is from."""
BITS = 12
GRAIN_SD = 2.5
GRAIN_STEP = 16
CUT = 20.0
"""Mean difference of two pictures, of 255, from which nothing lies between them."""
CAPTION_S = 4.0
WHITE, BLACK = 235, 20
LOOK_PX = (192, 108)


class StreamForm(msgspec.Struct, frozen=True):
    """A form of television: pixels, pictures a second, encoder and its mean bit rate."""

    width: int
    height: int
    fps: int
    codec: Literal["libx264", "libx265"]
    mbit_s: float


FORMS: dict[LiveSize, StreamForm] = {
    "360p25": StreamForm(640, 360, 25, "libx264", 1.0),
    "720p50": StreamForm(1280, 720, 50, "libx264", 6.0),
    "1080p25": StreamForm(1920, 1080, 25, "libx264", 6.0),
    "1080p50": StreamForm(1920, 1080, 50, "libx264", 10.0),
    "2160p25": StreamForm(3840, 2160, 25, "libx265", 18.0),
}
"""Bit rates are what broadcasters use, in the middle."""
ENCODERS = {
    "libx264": {"preset": "superfast", "tune": "zerolatency"},
    "libx265": {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "x265-params": "log-level=error:bframes=0",
    },
}


def compose(film: str, path: Path, form: StreamForm, captions: Sequence[str] = ()) -> None:
    """Write `FILM_S` of a film, again from its begin where it is shorter, with numbers.

    Args:
        film: a video file.
        path: an MP4 that is written.
        form: its size, pictures a second and codec.
        captions: shown one after the other; none where this is empty.

    Raises:
        SourceError: the film cannot be read.
    """
    grain = _Grain((form.width, form.height))
    plates = [_plate(text, (form.width, form.height)) for text in captions]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(form.codec, rate=form.fps)
        stream.width, stream.height, stream.pix_fmt = form.width, form.height, "yuv420p"
        stream.bit_rate = round(form.mbit_s * 1e6)
        # No B-frames, a key frame each second: as encoders for live television are set.
        stream.codec_context.options = ENCODERS[form.codec] | {"g": str(form.fps), "bf": "0"}
        for number, bgr in zip(range(form.fps * FILM_S), pictures_of(film, form.fps), strict=False):
            scaled = np.asarray(cv2.resize(bgr, (form.width, form.height)), np.uint8)
            turn, into_s = divmod(number / form.fps, CAPTION_S)
            if plates and into_s >= CAPTION_S / 2:
                _lay(scaled, plates[int(turn) % len(plates)])
            paint_number(scaled, number)
            frame = av.VideoFrame.from_ndarray(grain.over(_yuv(scaled)), format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, form.fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def pictures_of(film: str, fps: float) -> Iterator[NDArray[np.uint8]]:
    """Yield a film's pictures at a rate of our own, uint8 (h, w, 3) BGR, again and again.

    A film of fewer pictures a second is given those between two of its own, moved along the optical
    flow, as a camera of that rate would have seen them; one of more gives its nearest.
    """
    at_s, before, before_s = 0.0, None, 0.0
    for bgr, pts_s in _again(film):
        while before is not None and at_s < pts_s - 1e-6:
            part = (at_s - before_s) / (pts_s - before_s)
            yield before if pts_s - before_s < 1.5 / fps else between(before, bgr, part)
            at_s += 1 / fps
        before, before_s = bgr, pts_s


def between(before: NDArray[np.uint8], after: NDArray[np.uint8], part: float) -> NDArray[np.uint8]:
    """Return the picture at a part, 0 to 1, of the way between two; the nearer one at a cut."""
    if part < 0.05:
        return before
    small = [cv2.resize(x, (64, 36), interpolation=cv2.INTER_AREA) for x in (before, after)]
    if float(np.abs(small[0].astype(np.float32) - small[1]).mean()) > CUT:
        return before if part < 0.5 else after
    grey = [cv2.cvtColor(x, cv2.COLOR_BGR2GRAY) for x in (before, after)]
    finder: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    flow = finder.calc(grey[0], grey[1], None)
    rows, columns = np.mgrid[: before.shape[0], : before.shape[1]].astype(np.float32)
    x, y = columns - part * flow[..., 0], rows - part * flow[..., 1]
    return np.asarray(
        cv2.remap(before, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def _again(film: str) -> Iterator[tuple[NDArray[np.uint8], float]]:
    begin_s = 0.0
    while True:
        end_s = begin_s
        with open_source(film, options=SourceOptions(live=False)) as source:
            step_s = 1 / (source.fps or 25)
            for frame in source:
                end_s = begin_s + frame.pts_s + step_s
                yield frame.bgr, begin_s + frame.pts_s
        begin_s = end_s


class _Grain:
    """Noise on the luma, another piece of one sheet for each picture."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._rng = np.random.default_rng(20_261_129)
        sheet = (size[1] + GRAIN_STEP, size[0] + GRAIN_STEP)
        noise = self._rng.normal(0, GRAIN_SD, sheet)
        self._more = np.clip(noise, 0, 255).astype(np.uint8)
        self._less = np.clip(-noise, 0, 255).astype(np.uint8)

    def over(self, planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Lay it over the luma of planes, uint8 (h * 3 / 2, w), in place."""
        height, width = planes.shape[0] * 2 // 3, planes.shape[1]
        top, left = self._rng.integers(0, GRAIN_STEP, 2)
        piece = (slice(top, top + height), slice(left, left + width))
        luma = planes[:height]
        cv2.add(luma, self._more[piece], dst=luma)
        cv2.subtract(luma, self._less[piece], dst=luma)
        return planes


def _yuv(bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    space = Colorspace.ITU709 if bgr.shape[0] >= 720 else None
    picture = av.VideoFrame.from_ndarray(bgr, format="bgr24")
    return np.asarray(picture.reformat(format="yuv420p", dst_colorspace=space).to_ndarray())


def _plate(text: str, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a caption on a dark plate, uint8 (h, w, 3)."""
    height = max(12, size[1] // 18)
    font = font_for(text, height)
    width = min(size[0] * 3 // 4, round(font.getlength(text)) + 2 * height)
    plate = Image.new("RGB", (width, 2 * height), (88, 32, 24))
    ImageDraw.Draw(plate).text((height, height // 3), text, font=font, fill="white")
    return np.asarray(plate, np.uint8)


def _lay(bgr: NDArray[np.uint8], plate: NDArray[np.uint8]) -> None:
    top, left = round(bgr.shape[0] * 0.8), bgr.shape[1] // 16
    height, width = plate.shape[:2]
    bgr[top : top + height, left : left + width] = plate


def paint_number(bgr: NDArray[np.uint8], number: int) -> None:
    """Draw a number as blocks along the top of a picture, uint8 (height, width, 3)."""
    side = _side(bgr)
    for bit in range(BITS):
        bgr[:side, bit * side : (bit + 1) * side] = WHITE if number >> bit & 1 else BLACK


def read_number(bgr: NDArray[np.uint8]) -> int:
    """Return the number that `paint_number` drew, also of a picture scaled to `LOOK_PX`."""
    side = _side(bgr)
    middle = bgr[side // 2, side // 2 : BITS * side : side].mean(axis=1)
    return sum(1 << bit for bit in range(BITS) if middle[bit] > 128)


def _side(bgr: NDArray[np.uint8]) -> int:
    return int(bgr.shape[1]) // (4 * BITS)
