"""Every format through one reader; what is no picture, damaged or too large is said by name."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from engines.errors import PictureError
from engines.pictures.formats import (
    FORMATS,
    HEIF,
    JPEG,
    format_of,
    is_picture_name,
    is_system_name,
    why_not_read,
)
from engines.pictures.limits import MAX_SIDE_PX, SEARCH_PIXELS, search_scale
from engines.pictures.read import decode, decode_picture, is_animation, open_file, read_picture
from tests.unit.engines.pictures.heif_grid import grid

if TYPE_CHECKING:
    from pathlib import Path

RED, BLUE = (200, 30, 20), (10, 40, 220)
CORNERS = ((200, 30, 20), (30, 200, 20), (20, 30, 200), (200, 200, 30))


def two_colours(size: tuple[int, int] = (64, 32)) -> Image.Image:
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image


def encoded(kind: str, image: Image.Image | None = None, **options: Any) -> bytes:
    file = io.BytesIO()
    image = two_colours() if image is None else image
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(file, **options)
    else:
        image.save(file, kind, **options)
    return file.getvalue()


def assert_two_colours(bgr: np.ndarray[Any, Any]) -> None:
    height, width = bgr.shape[:2]
    np.testing.assert_allclose(bgr[height // 2, width // 4, ::-1], RED, atol=20)
    np.testing.assert_allclose(bgr[height // 2, 3 * width // 4, ::-1], BLUE, atol=20)


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
def test_every_format_of_the_table_is_read(kind: Any) -> None:
    data = encoded(kind.name)
    assert format_of(data[:64]) is kind
    picture = decode(io.BytesIO(data), "p")
    assert (picture.full_size_px, picture.animated, picture.shrunk) == ((64, 32), False, False)
    assert_two_colours(picture.bgr)


@pytest.mark.parametrize("kind", ["avif", "heic"])
@pytest.mark.parametrize("turns", range(4))
def test_a_grid_is_read_whole_and_upright(kind: str, turns: int) -> None:
    tiles = [Image.new("RGB", (128, 128), colour) for colour in CORNERS]
    bgr = decode_picture(grid([tiles[:2], tiles[2:]], kind, quarter_turns=turns), "p")
    assert bgr.shape == (256, 256, 3)
    found = bgr[64::128, 64::128, ::-1]
    expected = np.rot90(np.array(CORNERS).reshape(2, 2, 3), turns)
    np.testing.assert_allclose(found, expected, atol=6)


@pytest.mark.parametrize("kind", ["avif", "heic"])
def test_an_oblong_grid_has_the_size_that_is_seen(kind: str) -> None:
    tiles = [[Image.new("RGB", (128, 128), colour) for colour in CORNERS[:2]]]
    picture = decode(io.BytesIO(grid(tiles, kind, quarter_turns=1)), "p")
    assert (picture.full_size_px, picture.bgr.shape[:2]) == ((128, 256), (256, 128))
    np.testing.assert_allclose(picture.bgr[64, 64, ::-1], CORNERS[1], atol=6)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_format_is_turned_as_its_exif_says(kind: str, orientation: int) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    grey = np.arange(0, 240, 3, dtype=np.uint8).reshape(8, 10).repeat(8, 0).repeat(8, 1)
    image = Image.fromarray(grey).convert("RGB")
    stored = image.transpose(undo[orientation]) if orientation in undo else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {} if kind in {"PNG", "TIFF"} else {"quality": 95}
    picture = decode(io.BytesIO(encoded(kind, stored, exif=exif, **options)), "p")
    assert picture.full_size_px == (80, 64)
    np.testing.assert_allclose(picture.bgr[4::8, 4::8, 1], grey[4::8, 4::8], atol=9)


def odd_exif(entries: list[tuple[int, int, int, bytes]], rest: bytes = b"") -> bytes:
    """Return an EXIF block with entries of tag, type, count and four bytes of value or place."""
    body = b"".join(struct.pack("<HHI", *e[:3]) + e[3] for e in entries)
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    return b"Exif\0\0" + head + body + bytes(4) + rest


AFTER_TWO = struct.pack("<I", 8 + 2 + 2 * 12 + 4)
ODD = {
    "resolution of one by nought": odd_exif(
        [(0x0112, 3, 1, struct.pack("<I", 6)), (0x011A, 5, 1, AFTER_TWO)], struct.pack("<II", 1, 0)
    ),
    "orientation as text": odd_exif([(0x0112, 2, 2, b"6\0\0\0"), (0x0100, 3, 1, b"\1\0\0\0")]),
    "orientation as words": odd_exif([(0x0112, 2, 4, b"up\0\0")]),
    "orientation of nothing": odd_exif([(0x0112, 3, 0, bytes(4))]),
    "orientation of 77": odd_exif([(0x0112, 3, 1, struct.pack("<I", 77))]),
    "two orientations": odd_exif([(0x0112, 3, 2, struct.pack("<HH", 6, 3))]),
    "a place beyond the end": odd_exif([(0x0112, 5, 1, struct.pack("<I", 1 << 30))]),
    "no directory": b"Exif\0\0II*\0\xff\xff\xff\xff",
    "no EXIF at all": b"Exif\0\0",
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("odd", ODD)
def test_odd_exif_costs_no_picture(kind: str, odd: str) -> None:
    bgr = decode_picture(encoded(kind, exif=ODD[odd]), "p")
    turned = odd in {"resolution of one by nought", "orientation as text", "two orientations"}
    assert bgr.shape == ((64, 32, 3) if turned else (32, 64, 3))


class Failing(io.BytesIO):
    """A picture whose reading fails after this many reads."""

    def __init__(self, data: bytes, error: Exception, reads: int) -> None:
        super().__init__(data)
        self.error = error
        self.reads = reads

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads -= 1
        if self.reads < 0:
            raise self.error
        return super().read(size)


@pytest.mark.parametrize(
    "error", [RuntimeError("x"), NotImplementedError(), TypeError("x"), struct.error("x"),
              ZeroDivisionError("x"), KeyError("x"), MemoryError(), EOFError(), RecursionError()],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "GIF"])
def test_whatever_a_decoder_raises_is_an_error_of_ours(error: Exception, kind: str) -> None:
    data = encoded(kind, two_colours((400, 300)))
    # The first reads tell the format; then come the header and the pixels.
    for reads in range(3):
        with pytest.raises(PictureError, match=r"^p.jpg: damaged picture"):
            decode(Failing(data, error, reads), "p.jpg")


def test_formats_that_are_not_read_are_said() -> None:
    dds = b"DDS " + struct.pack("<I", 124) + bytes(120)
    for data in (dds, b"hello", b"", b"\0" * 100, b"%!PS-Adobe", b"\x0a\x05\x01\x08" + bytes(200)):
        with pytest.raises(PictureError, match=r"p: not a picture .* expected JPEG, PNG"):
            decode_picture(data, "p")
    assert "camera raw" in why_not_read("IMG_1.CR2")
    assert why_not_read("notes.txt") == "not a picture"


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
def test_half_a_picture_is_damaged(kind: Any) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    data = encoded(kind.name, Image.fromarray(noise))
    with pytest.raises(PictureError, match=r"^p: "):
        decode_picture(data[: len(data) // 2], "p")


def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe.jpg")
    for name in ("pipe.jpg", ".", "\0"):
        with pytest.raises(PictureError, match="expected a picture"):
            read_picture(tmp_path / name)
    with pytest.raises(PictureError, match="not a plain file"), open_file(tmp_path / "pipe.jpg"):
        pass


def png_header(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + crc

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (png_header(20_000, 20_000), "20000x20000, expected at most 250 megapixels"),
        (png_header(12_000, 10_000), "takes 480 MB to decode, expected at most 405 MB"),
        (png_header(2**31 - 1, 1), "megapixels"),
        (b"GIF89a" + b"\xff" * 4 + encoded("GIF")[10:], "megapixels"),
        (
            b"BM" + bytes(8) + struct.pack("<IIiiHH", 54, 40, 60_000, 60_000, 1, 24) + bytes(60),
            "megapixels",
        ),
    ],
)
def test_a_bomb_is_refused_before_it_is_decoded(data: bytes, found: str) -> None:
    with pytest.raises(PictureError, match=found):
        decode_picture(data, "p")


def test_what_a_strip_of_a_tiff_would_allocate_counts() -> None:
    data = bytearray(encoded("TIFF", two_colours((64, 64)), compression="tiff_lzw"))
    with Image.open(io.BytesIO(bytes(data))) as image:
        assert image.tag_v2[278] >= 64
    # The size stays; a tile of 60,000 x 60,000 is said to hold the 64 x 64.
    at = data.index(struct.pack("<HH", 278, 3))
    data[at : at + 12] = struct.pack("<HHII", 323, 4, 1, 60_000)
    entry = data.index(struct.pack("<HH", 284, 3))
    data[entry : entry + 12] = struct.pack("<HHII", 322, 4, 1, 60_000)
    with pytest.raises(PictureError, match="MB to decode"):
        decode_picture(bytes(data), "p")


def test_a_jpeg_of_a_thousand_scans_is_refused() -> None:
    data = encoded("JPEG", two_colours((640, 480)), progressive=True)
    assert_two_colours(decode_picture(data, "p"))
    at = data.rindex(b"\xff\xda")
    scan = data[at : data.rindex(b"\xff\xd9")]
    with pytest.raises(PictureError, match="scans, expected at most 100"):
        decode_picture(data[:at] + scan * 1000 + b"\xff\xd9", "p")


def test_a_jpeg_is_decoded_at_the_size_that_is_needed() -> None:
    data = encoded("JPEG", two_colours((9000, 6000)), quality=80)
    picture = decode(io.BytesIO(data), "p")
    height, width = picture.bgr.shape[:2]
    assert picture.full_size_px == (9000, 6000)
    assert picture.shrunk
    assert width * height <= SEARCH_PIXELS
    assert width / height == pytest.approx(1.5, abs=0.01)
    assert_two_colours(picture.bgr)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize(
    "size", [(5000, 3000), (3000, 5000), (20_000, 2), (2, 20_000), (40_000, 1)]
)
def test_large_and_long_pictures_become_small(kind: str, size: tuple[int, int]) -> None:
    image = two_colours(size)
    picture = decode(io.BytesIO(encoded(kind, image)), "p")
    height, width = picture.bgr.shape[:2]
    assert picture.full_size_px == size
    assert width * height <= SEARCH_PIXELS * 1.001
    assert max(width, height) <= MAX_SIDE_PX
    if size[0] > 4:
        assert_two_colours(picture.bgr)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "CMYK", "I;16", "F", "1"])
def test_strips_look_like_the_whole(mode: str, tmp_path: Path) -> None:
    size = (5200, 2600)
    ramp = np.linspace(0, 255, size[0]).astype(np.uint8)[None].repeat(size[1], axis=0)
    image = Image.fromarray(ramp)
    if mode == "I;16":
        image = Image.fromarray(ramp.astype(np.uint16) * 257)
    elif mode == "F":
        image = Image.fromarray(ramp.astype(np.float32) / 255)
    else:
        image = image.convert("RGB").convert(mode) if mode in {"P", "CMYK"} else image.convert(mode)
    image.save(tmp_path / "p.tiff")
    bgr = read_picture(tmp_path / "p.tiff")
    assert bgr.shape[0] * bgr.shape[1] <= SEARCH_PIXELS * 1.001
    wanted = np.linspace(0, 255, bgr.shape[1])
    tolerance = {"1": 130, "P": 20}.get(mode, 8)
    np.testing.assert_allclose(bgr[:: bgr.shape[0] // 7, :, 1].mean(axis=0), wanted, atol=tolerance)


def test_a_scale_keeps_within_all_bounds() -> None:
    for size in ((1, 1), (4096, 3072), (200_000, 2), (65_535, 3814), (15_811, 15_811)):
        scale = search_scale(*size)
        assert scale * max(size) <= MAX_SIDE_PX
        assert scale**2 * size[0] * size[1] <= SEARCH_PIXELS
    assert search_scale(4096, 3072) == 1.0


def frames(kind: str, count: int) -> bytes:
    images = [two_colours(), two_colours().transpose(Image.Transpose.ROTATE_180)]
    more = [images[n % 2] for n in range(1, count)]
    return encoded(kind, images[0], save_all=True, append_images=more)


@pytest.mark.parametrize("kind", ["GIF", "AVIF", "WEBP", "PNG"])
def test_the_first_picture_of_an_animation_is_read(kind: str) -> None:
    assert not decode(io.BytesIO(frames(kind, 1)), "p").animated
    picture = decode(io.BytesIO(frames(kind, 2)), "p")
    assert picture.animated
    assert_two_colours(picture.bgr)


def test_which_animations_are_films() -> None:
    for kind, film in (("GIF", True), ("AVIF", True), ("WEBP", False), ("PNG", False)):
        assert is_animation(io.BytesIO(frames(kind, 2))) is film
        assert not is_animation(io.BytesIO(frames(kind, 1)))
    sequence = b"\0\0\0\x18ftyphevc\0\0\0\0mif1hevc" + bytes(40)
    assert format_of(sequence) is HEIF
    assert is_animation(io.BytesIO(sequence))


def test_a_film_is_no_picture_whatever_else_it_says_it_is() -> None:
    for brand in (b"isom", b"mp42", b"qt  "):
        assert format_of(b"\0\0\0\x1cftyp" + brand + b"\0\0\0\0mif1heic" + bytes(40)) is None


def test_a_jpeg_with_further_pictures_in_it_is_its_first() -> None:
    file = io.BytesIO()
    two_colours().save(file, "MPO", save_all=True, append_images=[Image.new("RGB", (64, 32))])
    assert format_of(file.getvalue()) is JPEG
    assert_two_colours(decode_picture(file.getvalue(), "p"))


def test_names() -> None:
    for name in ("a.HEIC", "a.avif", "a.jfif", "a.jpe", "a.JP2", "a.gif", "a.tif"):
        assert is_picture_name(name)
    for name in ("a.txt", "a", "jpg", "a.jpg.part"):
        assert not is_picture_name(name)
    for name in ("@eaDir", "#recycle", ".DS_Store", "Thumbs.db", "._a.jpg", "$RECYCLE.BIN"):
        assert is_system_name(name)
    for name in ("Tom Hanks", "a.jpg", "@work", "recycle"):
        assert not is_system_name(name)


def test_without_its_library_heic_is_refused_by_name(tmp_path: Path) -> None:
    import subprocess
    import sys

    (tmp_path / "p.heic").write_bytes(encoded("HEIF"))
    script = (
        "import sys; sys.modules['pillow_heif'] = None\n"
        "from pathlib import Path\n"
        "from engines.errors import PictureError\n"
        "from engines.pictures.read import read_picture\n"
        "try: read_picture(Path(sys.argv[1]))\n"
        "except PictureError as error: print(error)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "p.heic")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "HEIC, which needs pillow-heif" in ran.stdout
