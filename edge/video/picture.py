"""Picture files as sources: which files are still pictures, and reading one as a source does."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import SourceError, SourceMissingError
from engines.errors import PictureError
from engines.pictures.formats import HEAD_BYTES, JPEG, PICTURE_SUFFIXES, format_of
from engines.pictures.read import DecodedPicture, decode, is_animation, open_file

if TYPE_CHECKING:
    from typing import BinaryIO

_MOTION_JPEG_BYTES = 4 << 20
"""The second picture of a film of JPEGs begins within this much."""


def is_still(file: BinaryIO, name: str) -> bool:
    """Whether a file is a still picture, not a film; its content counts before its name.

    An animation of several pictures is a film, and so is a row of JPEGs (.mjpeg).

    Args:
        file: it, seekable.
        name: its name or URL, without a query.
    """
    file.seek(0)
    kind = format_of(file.read(HEAD_BYTES))
    suffix = Path(name).suffix.lower()
    if kind is None:
        return suffix in PICTURE_SUFFIXES
    if kind is JPEG and suffix not in JPEG.suffixes:
        return not _is_motion_jpeg(file)
    return not is_animation(file)


def read_still(path: Path) -> DecodedPicture:
    """Read a picture file.

    Raises:
        SourceError: the file is missing, no picture, broken or too large.
    """
    if not path.exists():
        raise SourceMissingError(str(path), "no such file", remedy="check the path")
    try:
        with open_file(path) as file:
            return decode(file, str(path))
    except PictureError as error:
        raise _as_source_error(str(path), error) from error


def decode_still(content: bytes, subject: str) -> DecodedPicture:
    """Read a picture that was fetched; `subject` names it in errors.

    Raises:
        SourceError: it is no picture, broken or too large.
    """
    try:
        return decode(io.BytesIO(content), subject)
    except PictureError as error:
        raise _as_source_error(subject, error) from error


def _as_source_error(subject: str, error: PictureError) -> SourceError:
    return SourceError(subject, str(error).removeprefix(f"{subject}: "))


def _is_motion_jpeg(file: BinaryIO) -> bool:
    """Whether a file that begins like a JPEG has one JPEG behind the other.

    A camera's JPEG with further pictures in it says so (`MPF`), and is one picture.
    """
    file.seek(0)
    begin = file.read(_MOTION_JPEG_BYTES)
    return b"\xff\xd9\xff\xd8\xff" in begin and b"MPF\0" not in begin[:65_536]
