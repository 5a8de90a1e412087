"""The voice of `bench live`: spoken over the stream, and enrolled where nobody's is."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING

from edge.testbed.spoken import SPOKEN_S, speech, with_sound
from edge.voices.enrol import voice_of
from engines.catalog import model_identity
from engines.voice.encoder import ENCODER, VoiceEncoder
from engines.voice.speech import SpeechDetector
from gallery.search.open import open_gallery
from gallery.voices.stored import read_voices, with_voice, write_voices

if TYPE_CHECKING:
    from pathlib import Path


def spoken_over(film: Path, target: Path) -> Path:
    """Write a film again as a Matroska file in which a made voice speaks; return it."""
    with_sound(film, target, speech(SPOKEN_S), "mp2")
    return target


def with_a_voice(gallery: Path, folder: Path) -> Path:
    """Return a gallery with voices: this one, or a copy in which the made one is somebody's.

    Args:
        gallery: its folder; nothing is written to it, nor beside it.
        folder: for the copy.
    """
    voices = read_voices(gallery)
    if voices.people:
        return gallery
    copy = folder / "gallery"
    shutil.copytree(gallery, copy, symlinks=True)
    person = next(iter(open_gallery(copy).people())).id
    with closing(SpeechDetector()) as detector, closing(VoiceEncoder()) as encoder:
        found = voice_of("the made voice", speech(SPOKEN_S), detector, encoder)
    model = model_identity(ENCODER)
    write_voices(copy, with_voice(voices, person, found.vector, found.speech_s, model))
    return copy
