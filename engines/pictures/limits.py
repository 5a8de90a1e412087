"""How large a picture may be: what its decoder would allocate is reckoned before it is decoded.

Three numbers bound everything. A picture that costs more than `MAX_DECODE_BYTES` to decode is
refused by name. What is decoded is brought down to `SEARCH_PIXELS`, which is what the search for
faces works on and what bounds its memory.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, BinaryIO

from engines.errors import PictureError
from engines.pictures.formats import AVIF, HEIF, JPEG, JPEG2000, TIFF, WEBP, PictureFormat

if TYPE_CHECKING:
    from PIL import Image

MAX_FILE_BYTES = 512_000_000
MAX_PIXELS = 250_000_000
"""More take minutes, however little memory: the largest telephone camera makes 200 million."""
MAX_DECODE_BYTES = 405_000_000
"""100 megapixels of four bytes, and a little. With the models a process stays below 600 MB."""
SEARCH_PIXELS = 12_600_000
"""4096x3072, a telephone's picture, is searched as it is; larger ones are shrunk to as much."""
HUGE_PIXELS = 50_000_000
"""A larger picture's decoder takes so much that what is searched has half as many pixels."""
MAX_SIDE_PX = 16_384
"""OpenCV's warps refuse sides of 32,768."""
MAX_JPEG_SCANS = 100
"""Pictures have about ten. Each passes over the whole picture, whatever its few bytes say."""
_BLOCK_BYTES = 1 << 20
_JPEG2000_HEADER_BYTES = 1 << 16
_HELD_WHOLE = (WEBP, AVIF, HEIF, JPEG2000)
"""Formats whose reader has the whole file in memory."""


def search_scale(width: int, height: int) -> float:
    """Return the factor, at most 1, that brings a picture to a size that can be searched."""
    pixels = width * height
    by_pixels = math.sqrt(SEARCH_PIXELS / (2 if pixels > HUGE_PIXELS else 1) / pixels)
    return min(1.0, by_pixels, MAX_SIDE_PX / max(width, height))


def limit(
    image: Image.Image, kind: PictureFormat, file: BinaryIO, file_bytes: int, subject: str
) -> None:
    """Have an opened picture decode no larger than it is needed, or refuse it.

    Raises:
        PictureError: it has too many pixels, or would take too much memory to decode.
    """
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PictureError(
            f"{subject}: {width}x{height}, expected at most {MAX_PIXELS // 1_000_000} megapixels; "
            "make it smaller"
        )
    held = file_bytes if kind in _HELD_WHOLE else 0
    cost = held + _decode_bytes(image, kind, file, subject)
    if cost > MAX_DECODE_BYTES:
        raise PictureError(
            f"{subject}: {width}x{height} as {kind.name} takes {cost / 1e6:.0f} MB to decode, "
            f"expected at most {MAX_DECODE_BYTES // 1_000_000} MB; make it smaller, or "
            + ("save it not progressive" if kind is JPEG else "save it as JPEG")
        )


def _decode_bytes(image: Image.Image, kind: PictureFormat, file: BinaryIO, subject: str) -> float:
    width, height = image.size
    if kind is JPEG:
        return _jpeg_bytes(image, file, subject)
    if kind is JPEG2000:
        return _jpeg2000_bytes(image, file, kind.bytes_per_pixel)
    if kind is TIFF:
        return width * height * _bytes_of(image.mode) + _tiff_block_bytes(image)
    return width * height * max(kind.bytes_per_pixel / 4, 1) * _bytes_of(image.mode)


def _bytes_of(mode: str) -> int:
    """Return how many bytes Pillow holds for a pixel."""
    if mode in {"1", "L", "P"}:
        return 1
    return 2 if mode.startswith("I;16") else 4


def _jpeg_bytes(image: Any, file: BinaryIO, subject: str) -> float:
    """Let libjpeg decode at a half, a quarter or an eighth; return what that takes.

    A JPEG of several scans is held as coefficients, two bytes each, at its full size.
    """
    width, height = image.size
    layers = [(h, v) for _, h, v, _ in image.layer]
    applications = [content for _, content in image.applist]
    scans = _count(file, b"\xff\xda") - sum(text.count(b"\xff\xda") for text in applications)
    if scans > MAX_JPEG_SCANS:
        raise PictureError(
            f"{subject}: a JPEG of {scans} scans, expected at most {MAX_JPEG_SCANS}; save it again"
        )
    coefficients = 0.0
    if scans > 1:
        widest, highest = max(h for h, _ in layers), max(v for _, v in layers)
        share = sum(h * v for h, v in layers) / (widest * highest)
        coefficients = 2 * share * width * height
    scale = search_scale(width, height)
    image.draft(None, (math.ceil(width * scale), math.ceil(height * scale)))
    decoded = image.width * image.height * _bytes_of(image.mode)
    return float(coefficients + decoded + sum(len(text) for text in applications))


def _jpeg2000_bytes(image: Any, file: BinaryIO, bytes_per_pixel: float) -> float:
    """Let OpenJPEG leave out the finest wavelet levels; return what the others take."""
    width, height = image.size
    wanted = int(math.log2(1 / search_scale(width, height)))
    while width * height * bytes_per_pixel / 4**wanted > MAX_DECODE_BYTES / 2:
        wanted += 1
    file.seek(0)
    header = file.read(_JPEG2000_HEADER_BYTES)
    # COD: marker, length, style, progression, layers (2), transform of colours, levels.
    at = header.find(b"\xff\x52\0")
    levels = header[at + 9] if 0 <= at < len(header) - 9 else 0
    left_out = min(wanted, levels)
    if left_out:
        # OpenJPEG rounds up, Pillow to the nearest: a whole multiple is the same for both.
        power = 1 << left_out
        image.reduce = left_out
        image._size = tuple(-(-side // power) * power for side in image.size)  # noqa: SLF001
    return float(width * height * bytes_per_pixel / 4**left_out)


def _tiff_block_bytes(image: Any) -> float:
    """Return the size of a strip or tile, which libtiff decodes at once, whatever shows of it."""
    tags = image.tag_v2
    width, height = image.size
    columns = int(tags.get(322) or width)
    rows = int(tags.get(323) or min(int(tags.get(278) or height), height))
    bits = tags.get(258) or (8,)
    depth = max(bits if isinstance(bits, tuple) else (int(bits),))
    return float(columns * rows * int(tags.get(277) or 1) * depth / 8)


def _count(file: BinaryIO, mark: bytes) -> int:
    file.seek(0)
    found, before = 0, b""
    while block := file.read(_BLOCK_BYTES):
        found += (before + block).count(mark)
        before = block[-1:]
    return found
