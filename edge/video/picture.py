"""Read a picture file of any common kind as 8-bit BGR, the way round that a person sees it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from edge.errors import SourceError, SourceMissingError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
MAX_PIXELS = 178_956_970  # where Pillow speaks of a decompression bomb: 512 MB as BGR
GREY = 128  # what shows through transparent pixels: neither edge of the range
EXIF_ORIENTATION = 0x0112


def looks_like_picture(head: bytes) -> bool:
    """Whether a file that begins so is a still picture; `head` has its first 16 bytes."""
    return (
        head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*"))
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        # Two letters are not enough: a bitmap also has four zero bytes at 6.
        or (head[:2] == b"BM" and head[6:10] == b"\0\0\0\0")
    )


def picture_size(path: Path) -> tuple[int, int]:
    """Return width and height as `read_picture` will have them, from the header alone.

    Raises:
        SourceError: the file is missing or no picture.
    """
    with _open(path) as image:
        sideways = image.getexif().get(EXIF_ORIENTATION, 1) >= 5
        return (image.height, image.width) if sideways else (image.width, image.height)


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Read a picture: uint8 (height, width, 3), BGR, rotated as EXIF says, over grey.

    Raises:
        SourceError: the file is missing, no picture, broken or too large.
    """
    with _open(path) as image:
        try:
            upright = ImageOps.exif_transpose(image)
            rgb = _to_rgb(upright)
        except (OSError, SyntaxError, ValueError) as error:
            found = f"the picture is broken ({error})"
            raise SourceError(str(path), found, remedy="copy or download it again") from error
    return np.ascontiguousarray(rgb[..., ::-1])


def _open(path: Path) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path, formats=FORMATS)
    except FileNotFoundError as error:
        raise SourceMissingError(str(path), "no such file", remedy="check the path") from error
    except UnidentifiedImageError as error:
        found = "no picture, whatever its name says"
        raise SourceError(str(path), found, "jpg, png, webp, bmp or tiff") from error
    except Image.DecompressionBombError as error:
        found, expected = "a picture of too many pixels", f"at most {MAX_PIXELS:,}"
        raise SourceError(str(path), found, expected, "scale it down") from error
    except OSError as error:
        raise SourceError(str(path), f"cannot be read ({error})") from error
    if image.width * image.height > MAX_PIXELS:
        found = f"{image.width}x{image.height} pixels"
        raise SourceError(str(path), found, f"at most {MAX_PIXELS:,}", "scale it down")
    return image


def _to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I") or image.mode == "F":
        grey = _to_8_bit(np.asarray(image))
        return np.repeat(grey[..., np.newaxis], 3, axis=2)
    if image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info:
        over = Image.new("RGBA", image.size, (GREY, GREY, GREY, 255))
        image = Image.alpha_composite(over, image.convert("RGBA"))
    return np.asarray(image.convert("RGB"))


def _to_8_bit(grey: NDArray[Any]) -> NDArray[np.uint8]:
    """Bring 16-bit, 32-bit and float grey values to 0..255."""
    if grey.dtype == np.uint16:
        return np.asarray(grey >> 8, dtype=np.uint8)
    values = np.nan_to_num(grey.astype(np.float32), posinf=0, neginf=0)
    # Integers are 16 bits deep in files; floats do not say their range, 0..1 and 0..255 are usual.
    limits = (65535.0,) if grey.dtype.kind in "iu" else (1.0, 255.0)
    top = float(values.max(initial=0))
    full = next((limit for limit in limits if top <= limit), top)
    return (np.clip(values, 0, full) * (255 / full)).astype(np.uint8)
