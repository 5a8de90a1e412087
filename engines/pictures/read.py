"""Still pictures: the one reader of picture files, for every command, as 8-bit BGR."""

from __future__ import annotations

import io
import os
import stat
import sys
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from PIL import Image, UnidentifiedImageError, features

from engines.errors import PictureError
from engines.heap import give_back
from engines.pictures.formats import (
    AVIF,
    GIF,
    HEAD_BYTES,
    HEIF,
    KNOWN,
    PNG,
    WEBP,
    PictureFormat,
    format_of,
    is_sequence,
)
from engines.pictures.limits import MAX_FILE_BYTES, MAX_PIXELS, SEARCH_PIXELS, limit
from engines.pictures.pixels import orientation_of, to_bgr, turned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

DEADLINE_S = 60.0
"""A picture that is still being read then is given up."""

Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # Pillow's own limit knows nothing of reading at a fraction


@dataclass(frozen=True, slots=True)
class DecodedPicture:
    """A picture that was read.

    Attributes:
        bgr: uint8 (height, width, 3), BGR, upright, of at most 12.6 megapixels.
        full_size_px: width and height, upright, as the file has them.
        animated: it is the first of several pictures.
    """

    bgr: NDArray[np.uint8]
    full_size_px: tuple[int, int]
    animated: bool = False

    @property
    def shrunk(self) -> bool:
        """Whether the file has more pixels than were read."""
        return self.full_size_px != (self.bgr.shape[1], self.bgr.shape[0])


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Return a picture as `decode` does, without what else is known of it.

    Raises:
        PictureError: see `decode`.
    """
    with open_file(path) as file:
        return decode(file, str(path)).bgr


def decode_picture(data: bytes, subject: str) -> NDArray[np.uint8]:
    """Return an encoded picture as `read_picture` does; `subject` names it in errors.

    Raises:
        PictureError: see `decode`.
    """
    return decode(io.BytesIO(data), subject).bgr


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that may be a picture; reading a pipe or a device could block.

    Raises:
        PictureError: it is missing, may not be read, or is no plain file.
    """
    try:
        found = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PictureError(f"{path}: {reason}, expected a picture") from error
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise PictureError(f"{path}: not a plain file, expected a picture")
    with os.fdopen(found, "rb") as file:
        yield file


def decode(file: BinaryIO, subject: str) -> DecodedPicture:
    """Return a picture as uint8 (height, width, 3), BGR, upright, of at most 12.6 megapixels.

    16-bit pictures are scaled to 8 bits, transparency lies over mid-grey, palettes, greyscale and
    CMYK become colour. Of an animation the first picture is read.

    Args:
        file: the picture, seekable, from its beginning.
        subject: names it in errors.

    Raises:
        PictureError: it is no picture in a known format, damaged, larger than
            `engines.pictures.limits` lets pass, or its decoder failed in whatever way.
    """
    try:
        return _decode(file, subject)
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise PictureError(
            f"{subject}: more than {2 * MAX_PIXELS // 1_000_000} megapixels, expected at most "
            f"{MAX_PIXELS // 1_000_000}; make it smaller"
        ) from error
    except UnidentifiedImageError as error:
        raise PictureError(f"{subject}: damaged picture (its header); replace the file") from error
    # Decoders raise what their authors thought of: a list of it is never complete.
    except Exception as error:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise PictureError(f"{subject}: damaged picture ({reason}); replace the file") from error


def is_animation(file: BinaryIO) -> bool:
    """Whether a file is a GIF, AVIF or HEIC of several pictures, one after the other.

    Animated PNG and WebP are not among them: FFmpeg reads the one as a still and the other not at
    all, so that their first picture is better than nothing.
    """
    file.seek(0)
    head = file.read(HEAD_BYTES)
    kind = format_of(head)
    if kind is HEIF:
        return is_sequence(head)
    if kind not in {GIF, AVIF}:
        return False
    file.seek(0)
    try:
        with Image.open(_timed(file, ""), formats=(kind.name,)) as image:
            return _is_animated(image, kind)
    except Exception:  # noqa: BLE001  (what is wrong with it is said when it is decoded)
        return False


def _decode(file: BinaryIO, subject: str) -> DecodedPicture:
    size = file.seek(0, io.SEEK_END)
    if size > MAX_FILE_BYTES:
        raise PictureError(
            f"{subject}: a file of {size / 1e6:.0f} MB, expected a picture of at most "
            f"{MAX_FILE_BYTES // 1_000_000} MB"
        )
    file.seek(0)
    kind = format_of(file.read(HEAD_BYTES))
    if kind is None:
        raise PictureError(f"{subject}: not a picture in a format that is known, expected {KNOWN}")
    _prepare(kind, subject)
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of what is refused or mended here
        with Image.open(_timed(file, subject), formats=(kind.name,)) as image:
            full, animated = image.size, _is_animated(image, kind)
            limit(image, kind, file, size, subject)
            large = full[0] * full[1] > SEARCH_PIXELS
            if large:
                # What the search of the picture before left free goes back before more is taken,
                # and so do the decoder's pages before the next search.
                give_back()
            file.seek(0)
            image.load()
            orientation = orientation_of(image)
            bgr = turned(to_bgr(image), orientation)
    if large:
        del image
        give_back()
    sideways = orientation >= 5
    return DecodedPicture(bgr, (full[1], full[0]) if sideways else full, animated)


def _prepare(kind: PictureFormat, subject: str) -> None:
    """Load the reader of a format that Pillow does not bring along everywhere."""
    if kind is AVIF and not features.check("avif"):
        raise PictureError(
            f"{subject}: AVIF, which the installed Pillow cannot read; "
            f'run "{sys.executable} -m pip install --upgrade pillow", or save it as JPEG'
        )
    if kind is HEIF:
        try:
            import pillow_heif  # noqa: PLC0415
        except ImportError as error:
            raise PictureError(
                f"{subject}: HEIC, which needs pillow-heif; run "
                f'"{sys.executable} -m pip install pillow-heif", or save it as JPEG'
            ) from error
        pillow_heif.register_heif_opener(
            thumbnails=False, depth_images=False, aux_images=False, decode_threads=1
        )


def _is_animated(image: Any, kind: PictureFormat) -> bool:
    # Several pictures of a HEIC or an MPO are a burst, a depth map: not one after the other.
    if kind not in {GIF, WEBP, PNG, AVIF}:
        return False
    return bool(getattr(image, "is_animated", False))


def _timed(file: BinaryIO, subject: str) -> BinaryIO:
    return cast("BinaryIO", _Timed(file, subject))


class _Timed(io.RawIOBase):
    """A file that ends a reader who takes too long."""

    def __init__(self, file: BinaryIO, subject: str) -> None:
        self._file = file
        self._subject = subject
        self._end_s = time.monotonic() + DEADLINE_S

    def read(self, size: int | None = -1, /) -> bytes:
        if time.monotonic() > self._end_s:
            raise PictureError(
                f"{self._subject}: not decoded within {DEADLINE_S:.0f} s; save it again"
            )
        return self._file.read(-1 if size is None else size)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def fileno(self) -> int:
        return self._file.fileno()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True
