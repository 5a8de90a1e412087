"""Voices of a live picture on a device whose models are missing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from edge.device.voices import VoiceWatch
from edge.recognise.cues.cue import CueBoard
from engines.catalog import model_identity
from engines.errors import ModelMissingError
from engines.voice.encoder import DIMENSION, ENCODER
from gallery.voices.stored import Voices, with_voice, write_voices
from tests.polling import until

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


class Gallery(SimpleNamespace):
    identity = "one"

    def __contains__(self, person: str) -> bool:
        return person == "ada"


def test_without_models_it_says_so_and_asks_again_with_the_next_release(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vector = np.eye(DIMENSION, dtype=np.float32)[0]
    write_voices(
        tmp_path / "mine", with_voice(Voices(), "ada", vector, 10.0, model_identity(ENCODER))
    )
    asked: list[str] = []
    gallery = Gallery()

    def missing(_board: CueBoard, voices: dict[str, object]) -> NoReturn:
        asked.extend(voices)
        raise ModelMissingError("encoder: not here")

    watch = VoiceWatch(
        CueBoard(frozenset({"voice"})),
        lambda: gallery,  # type: ignore[arg-type, return-value]
        tmp_path / "mine",
        SimpleNamespace(status=SimpleNamespace(stats=SimpleNamespace(sound=()))),  # type: ignore[arg-type]
        lambda: False,
        listener=missing,
    )
    watch.start()
    try:
        until(lambda: asked)
        gallery.identity = "two"
        until(lambda: len(asked) == 2)
    finally:
        watch.close()
    assert asked == ["ada", "ada"]
    assert watch.compared == 0
    said = [r.getMessage() for r in caplog.records]
    assert said == ["encoder: not here; names go on without voices"] * 2
