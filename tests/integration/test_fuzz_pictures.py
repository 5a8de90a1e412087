"""A bounded share of `tools/fuzz_pictures.py`, which reads 20,000 damaged pictures by hand."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.errors import SourceError
from edge.video.open import open_source
from engines.errors import PictureError
from engines.pictures.formats import FORMATS
from engines.pictures.read import decode_picture
from tests.integration.conftest import tool

if TYPE_CHECKING:
    import pytest

STARTS = (
    b"\xff\xd8\xff\xe0\0\x10JFIF\0",
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    b"GIF89a",
    b"BM\0\0\0\0\0\0\0\0",
    b"II*\0\x08\0\0\0",
    b"RIFF\xff\0\0\0WEBPVP8 ",
    b"\0\0\0\x1cftypavif\0\0\0\0",
    b"\0\0\0\x1cftypheic\0\0\0\0",
    b"\xff\x4f\xff\x51\0\x29",
    b"",
)


def test_damaged_pictures_are_read_or_refused() -> None:
    ran = tool("fuzz_pictures.py", "--count", 400, "--seed", 7, "--workers", 1)
    assert ran.code == 0, ran.out
    assert ran.out.startswith("400 damaged pictures")
    assert "read" in ran.out.splitlines()[0]
    assert "FOUND" not in ran.out


def test_damaged_films_are_read_or_refused() -> None:
    ran = tool("fuzz_films.py", "--count", 200, "--seed", 7, "--workers", 1)
    assert ran.code == 0, ran.out
    assert "200 damaged films" in ran.out
    assert "FOUND" not in ran.out


def test_what_it_finds_it_says() -> None:
    # A bound that every picture breaks: the tool can fail.
    ran = tool("fuzz_pictures.py", "--count", 2, "--workers", 1, "--memory-mb", 1)
    assert ran.code == 1
    assert "FOUND 0: a worker had" in ran.out


@settings(max_examples=150, deadline=5000)
@given(st.sampled_from(STARTS), st.binary(max_size=300))
def test_any_bytes_are_a_picture_or_an_error_of_ours(start: bytes, rest: bytes) -> None:
    with contextlib.suppress(PictureError):
        assert decode_picture(start + rest, "p").ndim == 3


@settings(
    max_examples=60, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(STARTS),
    st.binary(min_size=1, max_size=200),
    st.sampled_from([suffix for kind in FORMATS for suffix in kind.suffixes]),
)
def test_any_bytes_named_like_a_picture_are_a_source_or_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, start: bytes, rest: bytes, suffix: str
) -> None:
    path = tmp_path_factory.mktemp("any") / f"p{suffix}"
    path.write_bytes(start + rest)
    with contextlib.suppress(SourceError), open_source(str(path)) as source:
        assert len(list(source)) <= 64


FILM_STARTS = (
    b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41",
    b"\x1aE\xdf\xa3",
    b"RIFF\xff\0\0\0AVI LIST",
    b"\x47\x40\0\x10\0",
    b"\0\0\0\1\x67\x42",
    b"FLV\1\5\0\0\0\x09",
    b"ffconcat version 1.0\nfile ",
    b"#EXTM3U\n",
    b"v=0\n",
    b"",
)


@settings(
    max_examples=80, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(FILM_STARTS),
    st.binary(max_size=400),
    st.sampled_from([".mp4", ".mkv", ".ts", ".avi", ".h264", ".m3u8", ".mjpeg", ""]),
)
def test_any_bytes_named_like_a_film_are_a_source_or_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, start: bytes, rest: bytes, suffix: str
) -> None:
    path = tmp_path_factory.mktemp("any") / f"f{suffix}"
    path.write_bytes(start + rest)
    with contextlib.suppress(SourceError), open_source(str(path)) as source:
        assert sum(1 for _ in source.pictures()) <= 400
