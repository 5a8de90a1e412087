"""What counts as a picture: one table of formats for all that reads files, and what to pass over.

Content decides where there is content to look at (`format_of`); names decide only which files of a
folder are looked at (`is_picture_name`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

HEAD_BYTES = 64
"""This much of a file's beginning tells its format."""


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """One format.

    Attributes:
        name: as Pillow calls its reader.
        suffixes: of files, lower case, the usual one first.
        bytes_per_pixel: what its decoder and Pillow hold at once at most, measured with
            `tools/picture_memory.py`; formats that can be read at a fraction of their size, or
            whose need depends on the pixels' kind, are reckoned in `engines.pictures.limits`.
    """

    name: str
    suffixes: tuple[str, ...]
    bytes_per_pixel: float = 4


JPEG = PictureFormat("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"))
PNG = PictureFormat("PNG", (".png",))
WEBP = PictureFormat("WEBP", (".webp",), 16)
GIF = PictureFormat("GIF", (".gif",))
BMP = PictureFormat("BMP", (".bmp", ".dib"))
TIFF = PictureFormat("TIFF", (".tif", ".tiff"))
AVIF = PictureFormat("AVIF", (".avif",), 10)
HEIF = PictureFormat("HEIF", (".heic", ".heif", ".hif"), 8)
JPEG2000 = PictureFormat("JPEG2000", (".jp2", ".j2k", ".jpx", ".jpf", ".j2c"), 20)

FORMATS = (JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF, HEIF, JPEG2000)
PICTURE_SUFFIXES = frozenset(suffix for kind in FORMATS for suffix in kind.suffixes)
KNOWN = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, HEIC or JPEG 2000"

_FOREIGN = {
    **dict.fromkeys((".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2"), "camera raw"),
    **dict.fromkeys((".psd", ".xcf", ".svg", ".ai", ".eps"), "an editor's file"),
    **dict.fromkeys((".jxl", ".dds", ".tga", ".exr", ".hdr", ".ico", ".pcx", ".ppm"), "a picture"),
}
_START = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", TIFF),
    (b"MM\0+", TIFF),
    (b"\0\0\0\x0cjP  \r\n\x87\n", JPEG2000),
    (b"\xff\x4f\xff\x51", JPEG2000),
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)
_SEQUENCES = frozenset({b"avis", b"hevc", b"hevx", b"hevm", b"hevs", b"msf1"})

_SYSTEM_NAMES = frozenset(
    {
        # Synology, QNAP, other network storage
        "@eadir",
        "@tmp",
        "@recycle",
        "@recently-snapshot",
        "@sharebin",
        "#recycle",
        "#snapshot",
        "lost+found",
        "recycler",
        # Windows
        "$recycle.bin",
        "system volume information",
        "thumbs.db",
        "ehthumbs.db",
        "ehthumbs_vista.db",
        "desktop.ini",
        # macOS
        "__macosx",
        "icon\r",
        "network trash folder",
        "temporary items",
    }
)


def is_system_name(name: str) -> bool:
    """Whether a file or folder is there for a system's own use: thumbnails, waste, indexes.

    All that begins with a dot is: `.DS_Store`, `._1.jpg` (macOS's second half of a file),
    `.@__thumb`, `.Trashes`.
    """
    return name.startswith((".", "~$")) or name.casefold() in _SYSTEM_NAMES


def is_picture_name(name: str) -> bool:
    """Whether a file of a folder is taken for a picture."""
    return PurePath(name).suffix.lower() in PICTURE_SUFFIXES


def why_not_read(name: str) -> str:
    """Return why a file of a folder is not read; its name is no picture's."""
    suffix = PurePath(name).suffix.lower()
    kind = _FOREIGN.get(suffix)
    if kind is None:
        return "not a picture"
    return f"{kind} in a format that is not read ({suffix}), expected {KNOWN}; export it as JPEG"


def format_of(head: bytes) -> PictureFormat | None:
    """Return the format of a file that begins so, or None; `head` has its first 64 bytes."""
    for start, kind in _START:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    # Two letters are not enough: a bitmap also has four zero bytes at 6.
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":
        return BMP
    brands = _brands(head)
    if brands & _AVIF_BRANDS:
        return AVIF
    return HEIF if brands & _HEIF_BRANDS else None


def is_sequence(head: bytes) -> bool:
    """Whether an AVIF or HEIF file that begins so is a film of several pictures."""
    return head[4:8] == b"ftyp" and head[8:12] in _SEQUENCES


def _brands(head: bytes) -> frozenset[bytes]:
    """Return an ISO base media file's brands, as far as `head` reaches.

    A file that calls itself an MP4 first is a film, whatever else it says that it is.
    """
    if head[4:8] != b"ftyp" or head[8:12] not in _AVIF_BRANDS | _HEIF_BRANDS:
        return frozenset()
    end = min(len(head), max(16, int.from_bytes(head[:4], "big")))
    return frozenset(head[at : at + 4] for at in (8, *range(16, end - 3, 4)))
