"""Still pictures: any file that Pillow reads, as 8-bit BGR."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from engines.errors import PictureError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PICTURE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
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
                rgb = _to_rgb(ImageOps.exif_transpose(image))
    except UnidentifiedImageError as error:
        raise PictureError(f"{subject}: not a picture in a format that is known") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PictureError(f"{subject}: damaged picture ({error}); replace the file") from error
    return np.ascontiguousarray(np.asarray(rgb)[..., ::-1])


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        # Pillow would clip 16-bit values at 255.
        values = np.asarray(image, dtype=np.float64)
        top = 65535.0 if image.mode.startswith("I") else max(float(values.max(initial=0)), 1.0)
        image = Image.fromarray((values.clip(0, top) * (255 / top)).astype(np.uint8))
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        over = image.convert("RGBA")
        grey = Image.new("RGBA", over.size, (128, 128, 128, 255))
        image = Image.alpha_composite(grey, over)
    return image.convert("RGB")
