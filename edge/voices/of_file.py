"""Voices of what is read from start to end, and of what is enrolled."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from edge.voices.listening import VoiceListener
from gallery.voices.stored import voices_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from edge.recognise.cues.cue import CueBoard
    from edge.video.frame import Picture
    from edge.video.source import Pictures
    from edge.voices.listening import Heard
    from gallery.search.search import Gallery


class FileVoices:
    """Hears what came with each picture, before the picture is recognised.

    Args:
        listener: compares.
        source: has the sound.
        close: frees the models.
    """

    def __init__(
        self, listener: VoiceListener, source: Pictures, close: Callable[[], None] = lambda: None
    ) -> None:
        self._listener, self._source, self.close = listener, source, close

    @property
    def heard(self) -> list[Heard]:
        """Who was heard so far."""
        return list(self._listener.heard)

    def look(self, _: Picture) -> None:
        """Hear what came until this picture."""
        self._listener.hear(self._source.stats.sound)


def enrolled_voices(folder: Path | None, gallery: Gallery) -> dict[str, NDArray[np.float32]]:
    """Return the voices of a gallery's people by id, of the encoder that is used here.

    Raises:
        GalleryCorruptError: the file beside the gallery is damaged.
    """
    if folder is None:
        return {}
    from engines.catalog import model_identity  # noqa: PLC0415
    from engines.voice.encoder import DIMENSION, ENCODER  # noqa: PLC0415 - loads a model's library

    found = voices_of(folder, lambda person: person in gallery)
    if found.model != model_identity(ENCODER):
        return {}
    if any(len(voice.array()) != DIMENSION for voice in found.people.values()):
        return {}
    return {person: voice.array() for person, voice in found.people.items()}


def open_listener(
    board: CueBoard, voices: dict[str, NDArray[np.float32]]
) -> tuple[VoiceListener, Callable[[], None]]:
    """Return what compares voices, and what frees its models.

    Raises:
        ModelMissingError: the models are not in the cache and cannot be fetched.
    """
    from engines.voice.encoder import VoiceEncoder  # noqa: PLC0415 - loaded where voices are heard
    from engines.voice.speech import SpeechDetector  # noqa: PLC0415

    speech, encoder = SpeechDetector(), VoiceEncoder()

    def close() -> None:
        with closing(speech), closing(encoder):
            pass

    return VoiceListener(speech, encoder, board, voices), close


def open_voices(
    board: CueBoard, gallery: Gallery, folder: Path | None, source: Pictures
) -> FileVoices | None:
    """Return what hears a source's voices, None where that cue is off or nobody's is enrolled.

    Raises:
        ModelMissingError: the models are not in the cache and cannot be fetched.
        GalleryCorruptError: the file of voices is damaged.
    """
    if "voice" not in board.kinds or source.still:
        return None
    voices = enrolled_voices(folder, gallery)
    if not voices:
        return None
    listener, close = open_listener(board, voices)
    return FileVoices(listener, source, close)
