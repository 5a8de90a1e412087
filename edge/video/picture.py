"""Read a picture file of any common kind as 8-bit BGR, the way round that a person sees it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from PIL import Image, UnidentifiedImageError

from edge.errors import SourceError, SourceMissingError
from engines.image import upright_bgr

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
MAX_PIXELS = 178_956_970  # where Pillow speaks of a decompression bomb: 512 MB as BGR
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
            return upright_bgr(image)
        except (OSError, SyntaxError, ValueError) as error:
            found = f"the picture is broken ({error})"
            raise SourceError(str(path), found, remedy="copy or download it again") from error


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
