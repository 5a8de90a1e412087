"""One person's voice out of a file in which nobody else speaks."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import av.error
import numpy as np

from edge.errors import SourceError
from edge.video.open import open_source
from edge.video.source import SOUND_RATE, SourceOptions
from edge.video.sources.sound_tap import new_resampler, samples_of
from edge.voices.listening import SPEECH, WINDOW_S
from edge.voices.seen import FilmSound, not_seen, times_seen
from engines.catalog import model_identity
from engines.voice.encoder import ENCODER, VoiceEncoder
from engines.voice.speech import CHUNK, SpeechDetector
from gallery.search.open import open_gallery
from gallery.voices.stored import read_voices, with_voice, write_voices

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from edge.voices.listening import Encoder, Speech

LEAST_SPEECH_S = 6.0
MOST_SOUND_S = 600.0
LEAST_ALIKE = 0.62
"""A window of speech that is less like the rest is of somebody else, or of nobody ..."""
MOST_LEFT_OUT = 0.34
"""... and where more than this share is, the file has more than one voice."""


@dataclass(frozen=True, slots=True)
class VoiceFound:
    """A voice, float32 (256,), unit length, and the seconds of speech that it is made of."""

    vector: NDArray[np.float32]
    speech_s: float


def sound_of(path: Path, from_s: float = 0.0, to_s: float | None = None) -> NDArray[np.float32]:
    """Return the sound of a file, float32 (n,), 16 kHz, ten minutes at most.

    Args:
        path: a film or a recording.
        from_s: where to begin.
        to_s: where to end.

    Raises:
        SourceError: it cannot be read, or has no sound.
    """
    end_s = _end_s(from_s, to_s)
    parts: list[av.AudioFrame] = []
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise SourceError(str(path), "no sound in it", "a recording or a film with sound")
            resampler = new_resampler()
            begin_s = (container.start_time or 0) / av.time_base
            for frame in container.decode(audio=0):
                at_s = (frame.time or 0.0) - begin_s
                if at_s >= end_s:
                    break
                if at_s >= from_s:
                    parts += resampler.resample(frame)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        found = getattr(error, "strerror", None) or str(error)
        raise SourceError(str(path), found, "a recording or a film with sound") from error
    return samples_of(parts)


def voice_of(name: str, sound: NDArray[np.float32], speech: Speech, encoder: Encoder) -> VoiceFound:
    """Return the voice in a sound; windows that are not speech, or of another voice, are left out.

    Args:
        name: of the file, for messages.
        sound: float32 (n,), 16 kHz.
        speech: tells speech.
        encoder: of voices.

    Raises:
        SourceError: there is too little speech, or more than one voice.
    """
    speech.reset()
    probable = speech.hear(sound)
    count = int(WINDOW_S * SOUND_RATE)
    starts = [
        start
        for start in range(0, len(sound) - count + 1, count)
        if float(probable[start // CHUNK : (start + count) // CHUNK].mean()) > SPEECH
    ]
    if len(starts) * WINDOW_S < LEAST_SPEECH_S:
        raise SourceError(
            name,
            f"{len(starts) * WINDOW_S:g} s of speech",
            f"{LEAST_SPEECH_S:g} s at least, of one person, without music",
        )
    vectors = np.stack([encoder.embed(sound[start : start + count]) for start in starts])
    kept = vectors[_like_the_rest(vectors)]
    if len(kept) < (1 - MOST_LEFT_OUT) * len(vectors):
        raise SourceError(
            name, "more than one voice", "one person's", "cut it, or see --from, --to"
        )
    mean = kept.mean(axis=0)
    return VoiceFound(np.asarray(mean / np.linalg.norm(mean), np.float32), len(kept) * WINDOW_S)


def sound_seen(
    path: Path, folder: Path, person: str, part_s: tuple[float, float | None], speech: Speech
) -> NDArray[np.float32]:
    """Return the speech in a film while a person is surely seen and seen to speak.

    Args:
        path: the film; ten minutes of it at most are watched.
        folder: of the gallery.
        person: id.
        part_s: from and to which second it is watched.
        speech: tells speech.

    Raises:
        SourceError: it cannot be read, or they are never seen to speak.
    """
    # Not at the top: who enrols from a recording needs no models of faces.
    from edge.recognise.recogniser import Recogniser  # noqa: PLC0415
    from engines.catalog import name_of  # noqa: PLC0415
    from engines.pipeline import load_pipeline  # noqa: PLC0415

    gallery = open_gallery(folder)
    from_s, to_s = part_s[0], _end_s(*part_s)
    options = SourceOptions(sound=True, live=False)
    pipeline = load_pipeline(threads=2, backend="auto", embedder=name_of(gallery.model))
    with closing(pipeline), open_source(str(path), options=options) as source:
        film = FilmSound(source, from_s, to_s)
        ends_s = times_seen(Recogniser(pipeline, lambda: gallery), film.frames(), person)
    if not ends_s:
        raise not_seen(str(path), person)
    return film.spoken(ends_s, speech)


def enrol_voice(
    gallery: Path,
    person: str,
    files: Sequence[Path],
    part_s: tuple[float, float | None],
    *,
    seen: bool = False,
) -> float:
    """Add a person's voice to those beside a gallery; return the seconds of speech known of them.

    Args:
        gallery: its folder.
        person: id of somebody who is in it.
        files: recordings and films.
        part_s: from and to which second each is heard.
        seen: only while the person is surely seen, and seen to speak.

    Raises:
        SourceError: a file has no sound, or all have too little speech, or more than one voice.
        ModelMissingError: the models are not in the cache and cannot be fetched.
        GalleryCorruptError: the file of voices is damaged.
        GalleryWriteError: it cannot be written.
    """
    voices, model = read_voices(gallery), model_identity(ENCODER)
    with closing(SpeechDetector()) as speech, closing(VoiceEncoder()) as encoder:
        parts = [
            sound_seen(path, gallery, person, part_s, speech) if seen else sound_of(path, *part_s)
            for path in files
        ]
        names = ", ".join(map(str, files))
        found = voice_of(names, np.concatenate(parts), speech, encoder)
    voices = with_voice(voices, person, found.vector, found.speech_s, model)
    write_voices(gallery, voices)
    return voices.people[person].speech_s


def _end_s(from_s: float, to_s: float | None) -> float:
    """Return where to end: as asked, and after ten minutes at the latest."""
    most_s = from_s + MOST_SOUND_S
    return most_s if to_s is None else min(most_s, to_s)


def _like_the_rest(vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which vectors, float32 (n, d), are like the middle of all, bool (n,)."""
    alike = vectors @ vectors.T
    middle = vectors[int(np.median(alike, axis=1).argmax())]
    return np.asarray(vectors @ middle >= LEAST_ALIKE)
