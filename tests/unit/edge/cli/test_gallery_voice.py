"""`gallery voice`: what cannot be enrolled is told, and voices go with their people."""

import wave
from pathlib import Path

import numpy as np
import pytest

from edge.cli.gallery_update import change_voice, remove_people
from edge.errors import SourceError, UsageError
from gallery.errors import GalleryInputError
from gallery.store.person import Person
from gallery.store.store import create_gallery
from gallery.voices.stored import Voices, read_voices, voices_path, with_voice, write_voices
from tests.free import Free

WHOLE = (0.0, None)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    templates = np.eye(2, 128, dtype=np.float32)
    people = [Person(i, {"en": i}) for i in ("ada", "lin")]
    create_gallery(folder, people, templates, np.arange(2, dtype=np.int32), "sface-2021dec")
    voices = with_voice(Voices(), "ada", np.eye(256, dtype=np.float32)[0], 8.0, "m")
    write_voices(folder, with_voice(voices, "lin", np.eye(256, dtype=np.float32)[1], 8.0, "m"))
    return folder


def quiet(path: Path, seconds: float = 8.0) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        noise = np.random.default_rng(0).normal(0, 50, int(8000 * seconds))
        file.writeframes(noise.astype("<i2").tobytes())
    return path


def test_a_voice_goes_with_its_person_and_alone(mine: Path, capsys: pytest.CaptureFixture) -> None:
    remove_people(mine, ["ada"], erase=False, json=True)
    assert set(read_voices(mine).people) == {"lin"}
    change_voice(mine, "lin", [], WHOLE, remove=True, json=True)
    assert not voices_path(mine).exists()
    assert '"speech_s": 0' in capsys.readouterr().out.replace(":0", ": 0")
    with pytest.raises(GalleryInputError, match="no voice"):
        change_voice(mine, "lin", [], WHOLE, remove=True, json=True)


def test_what_cannot_be_enrolled_is_told_and_nothing_is_changed(
    mine: Path, free: Free, tmp_path: Path
) -> None:
    before = voices_path(mine).read_bytes()
    sound = quiet(tmp_path / "quiet.wav")
    with pytest.raises(SourceError, match="0 s of speech"):
        change_voice(mine, "ada", [sound], WHOLE, remove=False, json=False)
    with pytest.raises(GalleryInputError, match="bob"):
        change_voice(mine, "bob", [sound], WHOLE, remove=False, json=False)
    with pytest.raises(SourceError, match=r"nothing\.wav"):
        change_voice(mine, "ada", [tmp_path / "nothing.wav"], WHOLE, remove=False, json=False)
    with pytest.raises(SourceError, match="never surely seen to speak"):
        change_voice(mine, "ada", [free.clip], (0.0, 0.5), remove=False, json=False, seen=True)
    with pytest.raises(UsageError, match="--remove"):
        change_voice(mine, "ada", [], WHOLE, remove=False, json=False)
    assert voices_path(mine).read_bytes() == before
