"""From what Pillow decoded to 8-bit BGR, upright, no larger than it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

from engines.pictures.limits import search_scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

GREY = 128
"""What shows through transparent pixels: neither edge of the range."""
ORIENTATION = 0x0112
_STRIP_PIXELS = 100_000


def to_bgr(image: Image.Image) -> NDArray[np.uint8]:
    """Return a loaded picture as uint8 (height, width, 3), BGR, shrunk to what can be searched.

    16-bit pictures are scaled to 8 bits, transparency lies over mid-grey, palettes, greyscale and
    CMYK become colour. Large pictures are converted and shrunk in strips, so that no copy of them
    is made.
    """
    scale = search_scale(*image.size)
    top = _brightest(image) if image.mode in {"I", "F"} else 0.0
    if scale == 1.0:
        return np.ascontiguousarray(_strip_to_bgr(image, top))
    width, height = (max(1, round(side * scale)) for side in image.size)
    bgr = np.empty((height, width, 3), np.uint8)
    step = max(1, round(_STRIP_PIXELS * scale / image.width))
    for row in range(0, height, step):
        rows = bgr[row : row + step]
        # The strip begins and ends half a pixel off at most, of a picture that shrinks anyway.
        first, last = (round(at * image.height / height) for at in (row, row + len(rows)))
        strip = image.crop((0, first, image.width, max(first + 1, last)))
        rows[:] = cv2.resize(
            _strip_to_bgr(strip, top), (width, len(rows)), interpolation=cv2.INTER_AREA
        )
    return bgr


def shrunk(bgr: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """Return a picture of another size, averaged; it is itself where nothing changes."""
    size = max(1, round(bgr.shape[1] * scale)), max(1, round(bgr.shape[0] * scale))
    if size == (bgr.shape[1], bgr.shape[0]):
        return bgr
    return np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), np.uint8)


def orientation_of(image: Image.Image) -> int:
    """Return how a loaded picture is to be turned, 1 to 8 as EXIF counts; 1 where EXIF is odd."""
    try:
        found = int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # noqa: BLE001  (EXIF is foreign bytes: any part of it may be wrong)
        return 1
    return found if 1 <= found <= 8 else 1


def turned(bgr: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Return a picture turned upright: rows and columns are moved, no EXIF is written."""
    if orientation >= 5:
        bgr = bgr.transpose(1, 0, 2)
    if orientation in {3, 4, 7, 8}:
        bgr = bgr[::-1]
    if orientation in {2, 3, 6, 7}:
        bgr = bgr[:, ::-1]
    return np.ascontiguousarray(bgr)


def _strip_to_bgr(image: Image.Image, top: float) -> NDArray[np.uint8]:
    if _is_deep(image):
        grey = _to_8_bit(np.asarray(image), top)
        return np.repeat(grey[..., np.newaxis], 3, axis=2)
    if image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info:
        over = Image.new("RGBA", image.size, (GREY, GREY, GREY, 255))
        image = Image.alpha_composite(over, image.convert("RGBA"))
    return np.asarray(image.convert("RGB"))[..., ::-1]


def _is_deep(image: Image.Image) -> bool:
    return image.mode.startswith("I") or image.mode == "F"


def _brightest(image: Image.Image) -> float:
    rows = max(1, _STRIP_PIXELS // image.width)
    tops = []
    for row in range(0, image.height, rows):
        strip = image.crop((0, row, image.width, min(image.height, row + rows)))
        tops.append(float(_finite(np.asarray(strip)).max(initial=0)))
    return max(tops)


def _finite(grey: NDArray[Any]) -> NDArray[np.float32]:
    return np.nan_to_num(grey.astype(np.float32), posinf=0, neginf=0)


def _to_8_bit(grey: NDArray[Any], top: float) -> NDArray[np.uint8]:
    """Bring 16-bit, 32-bit and float grey values, `top` at most, to 0..255."""
    if grey.dtype == np.uint16:
        return np.asarray(grey >> 8, dtype=np.uint8)
    # Integers are 16 bits deep in files; floats do not say their range, 0..1 and 0..255 are usual.
    limits = (65535.0,) if grey.dtype.kind in "iu" else (1.0, 255.0)
    full = next((limit for limit in limits if top <= limit), top)
    return (np.clip(_finite(grey), 0, full) * (255 / full)).astype(np.uint8)
