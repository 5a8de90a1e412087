"""Any text as an address is opened, or refused in our words and in time."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.errors import AddressError, EdgeError, SourceError
from edge.video.lists import names_others
from edge.video.open import open_source
from edge.video.reader import Reader, State
from edge.video.source import SourceOptions
from edge.video.uri import normal, shown_source

if TYPE_CHECKING:
    from pathlib import Path

SLIPS = [
    "rtsp://host:abc/x",
    "rtsp://host:99999/x",
    "rtsp://host:0/x",
    "rtsp://",
    "rtsp://user:s3cret@",
    "rtsp:host/x",
    "http://[::1/x.jpg",
    "http:///x.jpg",
    "http://host:abc/x.jpg",
    "http://host/\n.mp4",
    "http://host/\ud800.jpg",
    "udp://:99999",
    "udp://127.0.0.1:abc",
    "rtsp://me:s3cret#x@host/s",
    "rtsp://me:s3cret/x@host/s",
    "rtsp://me:s3cret?x@host/s",
    "rtsp://me:s3cret[x@host/s",
    "rtsp://me:#s3cret@host/s",
]


@pytest.mark.parametrize("address", SLIPS)
def test_a_slip_is_an_error_of_ours_with_exit_code_2(address: str) -> None:
    with pytest.raises(AddressError) as caught:
        open_source(address)
    assert caught.value.exit_code == 2
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("odd", ["#", "/", "?", "["])
def test_a_password_that_tears_an_address_is_to_be_percent_encoded(odd: str) -> None:
    with pytest.raises(AddressError, match="%23"):
        open_source(f"rtsp://me:a{odd}b@host/s")


@pytest.mark.parametrize(
    "address",
    [
        "udp://@239.0.0.1:1234",
        "udp://:1234",
        "srt://:9000?mode=listener",
        "rtsp://me:a%23b@host:554/s",
        "http://[::1]:8000/film.mp4",
        "http://host/a b.mp4",
    ],
)
def test_what_is_right_stays_as_it_is(address: str) -> None:
    assert normal(address) == address


def test_capitals_are_no_other_scheme() -> None:
    assert normal("RTSP://Host/S") == "rtsp://Host/S"


def test_a_reader_does_not_try_an_address_with_a_slip_again() -> None:
    with Reader("rtsp://host:abc/x") as reader, pytest.raises(AddressError):
        list(reader.frames())
    assert reader.status.state is State.FAILED


PREFIXES = ["", "file:", "file://", "v4l2:"]
NETWORK = ["rtsp://", "http://", "udp://", "http://h/", "rtsp://a:b@"]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(PREFIXES), st.text(max_size=30))
@example("", "\ud800")
@example("", "a" * 5000)
@example("", "\0")
@example("file://", "")
@example("file:", "\ud800")
@example("file://", "[")
def test_any_text_is_read_or_refused(prefix: str, text: str) -> None:
    start_s = time.monotonic()
    with contextlib.suppress(EdgeError):
        open_source(f"{prefix}{text}", options=SourceOptions(open_timeout_s=0.2)).close()
    assert time.monotonic() - start_s < 5


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(NETWORK), st.text(max_size=30))
def test_any_address_of_the_network_is_right_or_refused(prefix: str, text: str) -> None:
    with contextlib.suppress(AddressError):  # whom it would reach is nobody of this test's
        assert normal(f"{prefix}{text}").startswith(prefix.partition(":")[0])


def test_a_path_is_shown_as_it_is_and_an_address_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "token=1 a@b.mp4").touch()
    assert shown_source("token=1 a@b.mp4") == "token=1 a@b.mp4"
    assert shown_source("http://h/a.mp4?token=1") == "http://h/a.mp4?token=***"


@pytest.mark.parametrize(
    "head",
    [
        b"ffconcat version 1.0\nfile f.ts\n",
        b"\xef\xbb\xbf#EXTM3U\n",
        b" \n#extm3u\n",
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n",
        b'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011">',
        b"[playlist]\nFile1=f.ts\n",
    ],
)
@pytest.mark.parametrize("backend", ["pyav", "gstreamer", "jetson"])
def test_no_backend_is_given_a_list_of_other_files(
    tmp_path: Path, head: bytes, backend: str
) -> None:
    assert names_others(head)
    path = tmp_path / "film.mp4"
    path.write_bytes(head)
    options = SourceOptions(backend=backend)  # type: ignore[arg-type]
    with pytest.raises(SourceError, match="a list of other files"):
        open_source(str(path), options=options)


def test_a_backend_that_cannot_choose_a_stream_says_so(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"film")
    options = SourceOptions(backend="gstreamer", stream=1)
    with pytest.raises(SourceError, match=r"gstreamer, which takes the first stream"):
        open_source(str(tmp_path / "film.mp4"), options=options)
