from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engines.errors import PictureError
from engines.pictures.read import read_picture


def test_16_bit_png_is_scaled_not_clipped(tmp_path: Path) -> None:
    values = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "p.png")
    bgr = read_picture(tmp_path / "p.png")
    assert bgr.dtype == np.uint8
    assert abs(int(bgr[32, 32, 0]) - 127) < 4


def test_rgba_lies_over_grey_and_channels_are_bgr(tmp_path: Path) -> None:
    image = Image.new("RGBA", (4, 2), (200, 10, 30, 255))
    image.putpixel((0, 0), (0, 0, 0, 0))
    image.save(tmp_path / "p.png")
    bgr = read_picture(tmp_path / "p.png")
    assert bgr[1, 1].tolist() == [30, 10, 200]
    assert bgr[0, 0].tolist() == [128, 128, 128]


def test_greyscale_jpeg_is_turned_upright(tmp_path: Path) -> None:
    image = Image.new("L", (40, 20), 0)
    image.paste(255, (0, 0, 8, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise
    image.save(tmp_path / "p.jpg", exif=exif)
    bgr = read_picture(tmp_path / "p.jpg")
    assert bgr.shape == (40, 20, 3)
    assert bgr[2, 10, 0] > 200 > 50 > bgr[35, 10, 0]


@pytest.mark.parametrize("mode", ["P", "CMYK", "1", "LA"])
def test_every_mode_becomes_colour(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("p.jpg" if mode == "CMYK" else "p.png")
    Image.new("RGB", (8, 8), (255, 255, 255)).convert(mode).save(path)
    assert read_picture(path).mean() > 250


def test_one_pixel_is_a_picture(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1)).save(tmp_path / "p.png")
    assert read_picture(tmp_path / "p.png").shape == (1, 1, 3)


def test_what_is_no_picture_is_said(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="No such file"):
        read_picture(tmp_path / "missing.png")
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(PictureError, match="not a picture"):
        read_picture(tmp_path / "text.png")
    Image.new("RGB", (64, 64)).save(tmp_path / "whole.png")
    data = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(PictureError, match="damaged"):
        read_picture(tmp_path / "cut.png")
