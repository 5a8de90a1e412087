"""Voices beside a gallery: private, removed with the person, never half read."""

import os
from pathlib import Path

import numpy as np
import pytest

from gallery.errors import GalleryCorruptError, GalleryInputError
from gallery.voices.stored import (
    Voices,
    erase_voices,
    read_voices,
    voices_of,
    voices_path,
    with_voice,
    write_voices,
)


def vector(seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=256).astype(np.float32)
    return drawn / np.linalg.norm(drawn)


def two(gallery: Path) -> Voices:
    voices = with_voice(Voices(), "ada", vector(1), 10.0, "m")
    voices = with_voice(voices, "lin", vector(2), 10.0, "m")
    write_voices(gallery, voices)
    return voices


def test_voices_are_beside_the_gallery_for_their_owner_only(tmp_path: Path) -> None:
    gallery = tmp_path / "mine"
    assert read_voices(gallery) == Voices()
    voices = two(gallery)
    assert read_voices(gallery) == voices
    assert voices_path(gallery) == tmp_path / "mine.voices"
    assert voices_path(gallery).stat().st_mode & 0o777 == 0o600
    np.testing.assert_allclose(voices.people["ada"].array(), vector(1), atol=1e-6)


def test_more_speech_counts_by_its_length(tmp_path: Path) -> None:
    voices = with_voice(with_voice(Voices(), "a", vector(1), 30, "m"), "a", vector(2), 10, "m")
    wanted = 3 * vector(1) + vector(2)
    np.testing.assert_allclose(
        voices.people["a"].array(), wanted / np.linalg.norm(wanted), atol=1e-6
    )
    assert voices.people["a"].speech_s == 40
    with pytest.raises(GalleryInputError, match="remove"):
        with_voice(voices, "b", vector(3), 10, "other")


def test_who_leaves_the_gallery_leaves_the_file(tmp_path: Path) -> None:
    gallery = tmp_path / "mine"
    two(gallery)
    assert set(voices_of(gallery, lambda person: person == "lin").people) == {"lin"}
    assert set(read_voices(gallery).people) == {"lin"}
    assert b"ada" not in voices_path(gallery).read_bytes()
    assert not erase_voices(gallery, ["ada"])
    assert erase_voices(gallery, ["lin"])
    assert not voices_path(gallery).exists()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b'{"model":"m","people":{"a":{"vector":"AAAA","speech_s":1}}}',
        b'{"model":"m","people":{"a":{"vector":"AAAAAA==","speech_s":1}}}',
        b'{"model":"m","people":{"a":{"vector":"AADAfwAAwH8=","speech_s":1}}}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_is_told(data: bytes, tmp_path: Path) -> None:
    voices_path(tmp_path / "mine").write_bytes(data)
    with pytest.raises(GalleryCorruptError, match=r"mine\.voices"):
        read_voices(tmp_path / "mine")


def test_a_pipe_in_its_place_is_not_waited_at(tmp_path: Path) -> None:
    os.mkfifo(voices_path(tmp_path / "mine"))
    with pytest.raises(GalleryCorruptError, match="no regular file"):
        read_voices(tmp_path / "mine")
