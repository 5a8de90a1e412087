"""Still pictures: any file that Pillow reads, as 8-bit BGR."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from engines.errors import PictureError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PICTURE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
GREY = 128
"""What shows through transparent pixels: neither edge of the range."""
MAX_PIXELS = 120_000_000
"""A decompression bomb is refused; twice the largest camera picture is not one."""


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Return a picture as uint8 (height, width, 3), BGR, upright as its EXIF data says.

    16-bit pictures are scaled to 8 bits, transparency lies over mid-grey, palettes, greyscale and
    CMYK become colour.

    Raises:
        PictureError: the file is missing, not a picture, damaged or larger than 120 megapixels.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PictureError(f"{path}: {error.strerror}, expected a picture") from error
    return decode_picture(data, str(path))


def decode_picture(data: bytes, subject: str) -> NDArray[np.uint8]:
    """Return an encoded picture as `read_picture` does; `subject` names it in errors."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what is refused or mended below
            with Image.open(io.BytesIO(data)) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise PictureError(
                        f"{subject}: {image.width}x{image.height}, expected at most "
                        f"{MAX_PIXELS // 1_000_000} megapixels; make it smaller"
                    )
                return upright_bgr(image)
    except UnidentifiedImageError as error:
        raise PictureError(f"{subject}: not a picture in a format that is known") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PictureError(f"{subject}: damaged picture ({error}); replace the file") from error


def upright_bgr(image: Image.Image) -> NDArray[np.uint8]:
    """Return a Pillow image as uint8 (height, width, 3), BGR, as `read_picture` describes it."""
    rgb = _to_rgb(ImageOps.exif_transpose(image))
    return np.ascontiguousarray(rgb[..., ::-1])


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
