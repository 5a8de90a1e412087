from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.errors import SourceError, SourceMissingError
from edge.video.open import open_source
from edge.video.picture import read_still
from engines.pictures.formats import format_of
from engines.pictures.pixels import GREY

if TYPE_CHECKING:
    from pathlib import Path

RED, BLUE = (200, 30, 20), (10, 40, 220)  # RGB


def two_colours(mode: str = "RGB", size: tuple[int, int] = (40, 20)) -> Image.Image:
    """Return a picture with a red left and a blue right half."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image.convert(mode)


def assert_two_colours(bgr: np.ndarray[Any, Any], *, atol: int) -> None:
    height, width = bgr.shape[:2]
    np.testing.assert_allclose(bgr[height // 2, width // 4, ::-1], RED, atol=atol)
    np.testing.assert_allclose(bgr[height // 2, 3 * width // 4, ::-1], BLUE, atol=atol)


@pytest.mark.parametrize(
    ("name", "mode", "atol"),
    [
        ("a.jpg", "RGB", 8),
        ("a.png", "RGB", 0),
        ("a.webp", "RGB", 20),
        ("a.bmp", "RGB", 0),
        ("a.tiff", "RGB", 0),
        ("cmyk.jpg", "CMYK", 12),
        ("cmyk.tif", "CMYK", 2),
        ("palette.png", "P", 50),
        ("alpha.png", "RGBA", 0),
    ],
)
def test_every_kind_comes_out_as_bgr(tmp_path: Path, name: str, mode: str, atol: int) -> None:
    path = tmp_path / name
    two_colours(mode).save(path, **({"quality": 98} if name.endswith("jpg") else {}))
    picture = read_still(path)
    bgr = picture.bgr
    assert (bgr.dtype, bgr.shape, picture.full_size_px) == (np.uint8, (20, 40, 3), (40, 20))
    assert not picture.shrunk
    assert bgr.flags.c_contiguous
    assert_two_colours(bgr, atol=atol)


def test_16_bit_grey_keeps_its_brightness(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(4, axis=0)
    cv2.imwrite(str(tmp_path / "16.png"), ramp)
    bgr = read_still(tmp_path / "16.png").bgr
    np.testing.assert_allclose(bgr[2, :, 1], np.arange(256), atol=1)


def test_16_bit_colour(tmp_path: Path) -> None:
    deep = np.full((4, 4, 3), (51_400, 7_710, 5_140), np.uint16)[..., ::-1]
    cv2.imwrite(str(tmp_path / "deep.png"), np.ascontiguousarray(deep))
    np.testing.assert_allclose(read_still(tmp_path / "deep.png").bgr[1, 1, ::-1], RED, atol=1)


@pytest.mark.parametrize(("top", "factor"), [(1.0, 255), (255.0, 1), (1000.0, 0.255)])
def test_float_tiff(tmp_path: Path, top: float, factor: float) -> None:
    values = np.linspace(0, top, 64, dtype=np.float32)[None].repeat(4, axis=0)
    Image.fromarray(values).save(tmp_path / "f.tiff")
    expected = values[0] * factor
    np.testing.assert_allclose(read_still(tmp_path / "f.tiff").bgr[0, :, 0], expected, atol=1.01)


def test_transparent_pixels_are_grey_not_what_hides_behind(tmp_path: Path) -> None:
    rgba = two_colours("RGBA")
    rgba.putpixel((0, 0), (255, 0, 255, 0))
    rgba.save(tmp_path / "t.png")
    assert read_still(tmp_path / "t.png").bgr[0, 0].tolist() == [GREY] * 3
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([255, 0, 255, *BLUE])
    palette.putpixel((0, 0), 0)
    palette.save(tmp_path / "p.png", transparency=0)
    bgr = read_still(tmp_path / "p.png").bgr
    assert bgr[0, 0].tolist() == [GREY] * 3
    assert bgr[3, 3].tolist() == list(BLUE[::-1])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_the_picture_upright(tmp_path: Path, orientation: int) -> None:
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
    image = Image.fromarray(grey)
    stored = image.transpose(undo[orientation]) if orientation in undo else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "grey.jpg"
    stored.save(path, exif=exif, quality=95)
    assert read_still(path).full_size_px == (80, 64)
    np.testing.assert_allclose(read_still(path).bgr[..., 1], grey, atol=6)


def test_one_pixel_is_a_picture(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1), RED).save(tmp_path / "1.png")
    with open_source(str(tmp_path / "1.png")) as source:
        (frame,) = source
        assert (source.size, source.still, source.live, source.frame_count) == (
            (1, 1),
            True,
            False,
            1,
        )
    assert frame.bgr.tolist() == [[list(RED[::-1])]]


def test_the_content_counts_not_the_name(tmp_path: Path) -> None:
    two_colours().save(tmp_path / "film.mp4", format="PNG")
    with open_source(str(tmp_path / "film.mp4")) as source:
        assert source.still
        assert_two_colours(next(iter(source)).bgr, atol=0)
    assert format_of(b"BM is how this text begins") is None


def test_broken_pictures_say_so(tmp_path: Path) -> None:
    two_colours(size=(400, 400)).save(tmp_path / "cut.jpg")
    whole = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("no picture")
    for name, found in (("cut.jpg", "damaged"), ("text.png", "not a picture")):
        with (
            pytest.raises(SourceError, match=found) as caught,
            open_source(str(tmp_path / name)) as source,
        ):
            list(source)
        assert caught.value.exit_code == 2
    with pytest.raises(SourceMissingError):
        read_still(tmp_path / "none.png")


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    Image.new("1", (1, 1)).save(tmp_path / "bomb.png")
    content = bytearray((tmp_path / "bomb.png").read_bytes())
    content[16:24] = struct.pack(">II", 20_000, 20_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    (tmp_path / "bomb.png").write_bytes(content)
    with pytest.raises(SourceError, match="pixels"):
        open_source(str(tmp_path / "bomb.png"))


def test_folder_in_natural_order_skips_what_is_no_picture(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        Image.new("RGB", (number, 5), RED).save(tmp_path / f"p{number}.png")
    (tmp_path / "p3.png").write_text("not a picture")
    (tmp_path / "notes.txt").write_text("hello")
    with open_source(str(tmp_path)) as source:
        assert (source.still, source.frame_count, source.size) == (True, 4, (1, 5))
        frames = list(source)
        stats = source.stats
    assert [frame.bgr.shape[1] for frame in frames] == [1, 2, 10]
    assert [frame.index for frame in frames] == [0, 1, 2]
    assert stats.skipped_files == 2
    assert any("notes.txt" in warning for warning in stats.warnings)


def test_folders_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no picture among them"):
        open_source(str(tmp_path))
    (tmp_path / "a.png").write_text("not a picture")
    with pytest.raises(SourceError, match="none of the 1 pictures can be read"):
        open_source(str(tmp_path))
