from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edge.errors import EdgeError, SourceError, SourceLostError, SourceMissingError
from edge.video.open import open_source
from edge.video.source import SourceOptions
from edge.video.sources.pyav_address import address_of
from edge.video.uri import scheme_of, without_password

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("rtsp://me:secret@host:554/s", "rtsp://me:***@host:554/s"),
        ("rtsp://me@host/s", "rtsp://***@host/s"),
        ("film.mp4", "film.mp4"),
        ("http://[broken", "http://[broken"),
    ],
)
def test_passwords_are_not_shown(uri: str, shown: str) -> None:
    assert without_password(uri) == shown


def test_errors_do_not_show_passwords() -> None:
    with pytest.raises(SourceLostError) as caught:
        open_source("rtsp://me:secret@127.0.0.1:9/s", options=SourceOptions(open_timeout_s=2))
    assert "secret" not in str(caught.value)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("uri", "scheme"),
    [
        ("RTSP://x", "rtsp"),
        ("film.mp4", ""),
        ("C:\\film.mp4", ""),
        ("12:30.mp4", ""),
        ("screen:", "screen"),
    ],
)
def test_schemes(uri: str, scheme: str) -> None:
    assert scheme_of(uri) == scheme


def test_an_unknown_scheme_names_the_known() -> None:
    with pytest.raises(SourceError, match="rtsp") as caught:
        open_source("gopher://x")
    assert caught.value.exit_code == 2


def test_a_path_may_be_a_uri(tmp_path: Path) -> None:
    with pytest.raises(SourceMissingError, match=r"no film\.mp4: no such file"):
        open_source(f"file://{tmp_path}/no%20film.mp4")


def test_messages_have_subject_found_expected_remedy() -> None:
    error = SourceError("a.mp4", "a text file", "a video", "give another one")
    assert str(error) == "a.mp4: a text file, expected a video; give another one"
    assert isinstance(error, EdgeError)
    assert str(SourceError("a.mp4", "no frames")) == "a.mp4: no frames"


def test_live_streams_are_asked_for_their_newest_frame() -> None:
    rtsp = address_of("rtsp://host/s", SourceOptions(rtsp_transport="udp"))
    assert rtsp.live
    assert rtsp.options["rtsp_transport"] == "udp"
    assert rtsp.options["fpsprobesize"] == "0"
    assert "fflags" not in rtsp.options  # nobuffer would throw away the first key frame
    film = address_of("http://host/film.mp4", SourceOptions())
    assert not film.live
    assert film.options["reconnect"] == "1"
    assert "analyzeduration" not in film.options
    own = address_of("udp://host:1", SourceOptions(demuxer={"fflags": "discardcorrupt"}))
    assert own.options["fflags"] == "discardcorrupt"


def test_devices_get_size_and_rate() -> None:
    options = SourceOptions(size=(1280, 720), fps=50)
    screen = address_of("screen::1", options)
    assert (screen.url, screen.format) == (":1", "x11grab")
    assert screen.options == {"video_size": "1280x720", "framerate": "50"}
