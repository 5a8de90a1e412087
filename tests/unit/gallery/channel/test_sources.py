"""A folder and a web server that are not what they should be: nobody waits, nothing is unpacked."""

from __future__ import annotations

import gzip
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from gallery.channel.errors import SourceError
from gallery.channel.manifest import Chunk
from gallery.channel.metadata import FileMetadata, MissingError
from gallery.channel.sources import FileChunks, HttpSource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "ab" * 32
CHUNK = Chunk(NAME, 0, 10, NAME, retained=False)
BOMB = gzip.compress(bytes(50_000_000))


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [a_pipe, a_link, a_device, lambda path: path.mkdir()])
def test_a_stick_with_other_things_than_files_is_refused_at_once(
    tmp_path: Path, make: object
) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "m").mkdir()
    make(tmp_path / "f" / NAME)  # type: ignore[operator]
    make(tmp_path / "m" / "timestamp.json")  # type: ignore[operator]
    with pytest.raises(SourceError):
        list(FileChunks(tmp_path).fetch([CHUNK]))
    with pytest.raises(MissingError):
        list(FileMetadata(tmp_path).read("m", "timestamp.json"))


class _Zipped(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(BOMB)))
        self.end_headers()
        self.wfile.write(BOMB)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def zipped() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Zipped)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_a_server_has_packed_is_not_unpacked(zipped: str) -> None:
    """Bytes are compared with their hash as they come; a bomb is as small as it was sent."""
    source = HttpSource(zipped)
    assert b"".join(source.read("m", "timestamp.json")) == BOMB
    ((_, data),) = source.fetch([CHUNK])
    assert data == BOMB[:10]
