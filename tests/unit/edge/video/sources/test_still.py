"""Which files are pictures and which are films, by what is in them; on a disk and on a server."""

from __future__ import annotations

import functools
import http.server
import io
import os
import threading
from typing import TYPE_CHECKING

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from edge.errors import SourceError, SourceMissingError
from edge.video.open import open_source
from edge.video.source import SourceOptions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RED, BLUE = (200, 30, 20), (10, 40, 220)
KINDS = ("gif", "avif", "heic", "jp2", "jfif", "jpe", "webp", "png", "tif", "bmp")
QUICK = SourceOptions(open_timeout_s=3)


def two_colours(size: tuple[int, int] = (64, 32)) -> Image.Image:
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image


def encoded(suffix: str, image: Image.Image | None = None) -> bytes:
    image = image or two_colours()
    file = io.BytesIO()
    if suffix == "heic":
        pillow_heif.from_pillow(image).save(file)
    else:
        kind = {"jfif": "JPEG", "jpe": "JPEG", "jpg": "JPEG", "tif": "TIFF", "jp2": "JPEG2000"}
        image.save(file, kind.get(suffix, suffix))
    return file.getvalue()


def motion_jpeg(count: int) -> bytes:
    return b"".join(encoded("jpg", two_colours()) for _ in range(count))


@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize("named", [True, False])
def test_one_picture_goes_the_way_of_pictures(tmp_path: Path, suffix: str, *, named: bool) -> None:
    path = tmp_path / (f"p.{suffix}" if named else "p")
    path.write_bytes(encoded(suffix))
    with open_source(str(path)) as source:
        assert (source.still, source.size, source.frame_count) == (True, (64, 32), 1)
        (frame,) = source
        assert source.stats.warnings == ()
    np.testing.assert_allclose(frame.bgr[16, 16, ::-1], RED, atol=20)


@pytest.mark.parametrize("name", ["film.mjpeg", "film.mjpg", "film", "film.bin"])
def test_a_row_of_jpegs_is_a_film(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(motion_jpeg(4))
    with open_source(str(tmp_path / name)) as source:
        assert not source.still
        assert sum(1 for _ in source) == 4


def test_a_jpeg_without_a_name_for_it_is_a_picture(tmp_path: Path) -> None:
    (tmp_path / "camera.bin").write_bytes(encoded("jpg"))
    with open_source(str(tmp_path / "camera.bin")) as source:
        assert source.still


def test_a_gif_of_several_pictures_is_a_film(tmp_path: Path) -> None:
    images = [two_colours(), Image.new("RGB", (64, 32), RED), two_colours()]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=40)
    with open_source(str(tmp_path / "a.gif")) as source:
        assert not source.still
        assert sum(1 for _ in source) == 3


def test_of_an_animated_webp_the_first_picture_is_read_and_that_is_said(tmp_path: Path) -> None:
    first, second = two_colours(), Image.new("RGB", (64, 32))
    first.save(tmp_path / "a.webp", save_all=True, append_images=[second])
    with open_source(str(tmp_path / "a.webp")) as source:
        assert len(list(source)) == 1
        assert ["animation" in warning for warning in source.stats.warnings] == [True]


def test_a_picture_that_was_shrunk_says_so(tmp_path: Path) -> None:
    two_colours((8000, 6000)).save(tmp_path / "large.jpg", quality=50)
    with open_source(str(tmp_path / "large.jpg")) as source:
        (frame,) = source
        height, width = frame.bgr.shape[:2]
        assert source.size == (width, height)
        (warning,) = source.stats.warnings
    assert f"8000x6000 is searched at {width}x{height}" in warning


def test_a_folder_says_what_it_leaves_out(tmp_path: Path) -> None:
    for name in ("1.heic", "2.gif", "3.jp2"):
        (tmp_path / name).write_bytes(encoded(name[2:]))
    (tmp_path / "sub").mkdir()
    (tmp_path / "@eaDir").mkdir()
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "raw.cr2").write_bytes(b"x")
    (tmp_path / "4.jpg").write_bytes(b"\xff\xd8\xff broken")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.jpg")
    with open_source(str(tmp_path)) as source:
        assert len(list(source)) == 3
        told = " | ".join(source.stats.warnings)
        assert source.stats.skipped_files == 5
    reasons = {
        "sub": "folder",
        "raw.cr2": "camera raw",
        "4.jpg": "damaged",
        "gone.jpg": "link to nothing",
        "pipe.jpg": "not a plain file",
    }
    for name, why in reasons.items():
        assert name in told
        assert why in told
    assert "eaDir" not in told
    assert "Thumbs" not in told


class Server(http.server.BaseHTTPRequestHandler):
    """Files by path; a path that ends in `.mjpg` is an endless camera."""

    def __init__(self, files: dict[str, bytes], *args: object) -> None:
        self.files = files
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        content = self.files.get(self.path.partition("?")[0])
        wanted = self.headers.get("Authorization")
        if self.path.startswith("/secret") and wanted != "Basic bWU6cEBzcw==":
            content = None
        self.send_response(200 if content is not None else 404)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    animated = io.BytesIO()
    two_colours().save(
        animated, "GIF", save_all=True, append_images=[Image.new("RGB", (64, 32))], duration=40
    )
    files = {f"/p.{suffix}": encoded(suffix) for suffix in KINDS}
    files |= {
        "/secret.jpg": encoded("jpg"),
        "/film.gif": animated.getvalue(),
        "/text.jpg": b"hello" * 100,
        "/broken.jpg": encoded("jpg", two_colours((640, 480)))[:2000],
    }
    handler = functools.partial(Server, files)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("suffix", KINDS)
def test_a_picture_on_a_server_goes_the_way_of_pictures(server: str, suffix: str) -> None:
    with open_source(f"http://{server}/p.{suffix}?size=large", options=QUICK) as source:
        assert (source.still, source.size) == (True, (64, 32))
        (frame,) = source
    np.testing.assert_allclose(frame.bgr[16, 16, ::-1], RED, atol=20)


def test_an_animation_on_a_server_is_a_film(server: str) -> None:
    with open_source(f"http://{server}/film.gif", options=QUICK) as source:
        assert not source.still


def test_a_password_is_sent_and_not_shown(server: str) -> None:
    with open_source(f"http://me:p%40ss@{server}/secret.jpg", options=QUICK) as source:
        assert source.still
        assert "p%40ss" not in source.uri
    with pytest.raises(SourceMissingError, match="404") as caught:
        open_source(f"http://me:wrong@{server}/secret.jpg", options=QUICK)
    assert "wrong" not in str(caught.value)


def test_what_is_wrong_on_a_server_is_said(server: str) -> None:
    with pytest.raises(SourceMissingError, match="the server says 404"):
        open_source(f"http://{server}/none.jpg", options=QUICK)
    with pytest.raises(SourceError, match="damaged"):
        open_source(f"http://{server}/broken.jpg", options=QUICK)
    with (
        pytest.raises(SourceError),
        open_source(f"http://{server}/text.jpg", options=QUICK) as source,
    ):
        list(source)
    with pytest.raises(SourceError, match="does not answer"):
        open_source("http://127.0.0.1:9/p.jpg", options=QUICK)
