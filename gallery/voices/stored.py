"""Voices of people of a gallery: one small file beside it, on this machine alone.

It is no part of a release: no update brings it, nothing publishes it. Who leaves the gallery leaves
it when it is next opened. A voiceprint is biometric data, as a face's template is.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from gallery.channel.durable import write_atomically
from gallery.errors import GalleryCorruptError, GalleryInputError, GalleryWriteError
from gallery.foreign_json import decode_json
from gallery.regular import read_bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from numpy.typing import NDArray

MOST_PEOPLE = 10_000
MOST_BYTES = 64 << 20
_MODE = 0o600


class Voice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One person's voice.

    Attributes:
        vector: float32 (dimension,), unit length.
        speech_s: seconds of speech that it was made of.
    """

    vector: bytes
    speech_s: float

    def array(self) -> NDArray[np.float32]:
        """Return the vector."""
        return np.frombuffer(self.vector, "<f4")


class Voices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them, by person id, and the model that they were made with."""

    model: str = ""
    people: dict[str, Voice] = {}


def voices_path(gallery: Path) -> Path:
    """Return where the voices of a gallery's people are: beside it, `GALLERY.voices`."""
    whole = gallery.resolve()
    return whole.with_name(f"{whole.name}.voices")


def read_voices(gallery: Path) -> Voices:
    """Return the voices beside a gallery; none where there is no file.

    Raises:
        GalleryCorruptError: the file is damaged.
    """
    path = voices_path(gallery)
    try:
        data = read_bounded(path, MOST_BYTES)
        found = decode_json(data or b"", Voices)
        arrays = [voice.array() for voice in found.people.values()]
    except FileNotFoundError:
        return Voices()
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise GalleryCorruptError(
            f"{path}: {error}, expected voices; enrol them again, or delete the file"
        ) from error
    lengths = {len(array) for array in arrays}
    if len(arrays) > MOST_PEOPLE or len(lengths) > 1 or not all(map(_is_unit, arrays)):
        raise GalleryCorruptError(
            f"{path}: not unit vectors of one length; enrol the voices again, or delete the file"
        )
    return found


def voices_of(gallery: Path, enrolled: Callable[[str], bool]) -> Voices:
    """Return the voices of people who are in the gallery; erase the others' from the file.

    Raises:
        GalleryCorruptError: the file is damaged.
    """
    found = read_voices(gallery)
    kept = {person: voice for person, voice in found.people.items() if enrolled(person)}
    if len(kept) == len(found.people):
        return found
    left = Voices(found.model, kept)
    with suppress(GalleryWriteError):  # a folder that only others may write to
        write_voices(gallery, left)
    return left


def write_voices(gallery: Path, voices: Voices) -> None:
    """Write the file, readable by its owner only; without voices there is none.

    Raises:
        GalleryInputError: there are too many.
        GalleryWriteError: the disk is full or read-only.
    """
    path = voices_path(gallery)
    if len(voices.people) > MOST_PEOPLE:
        raise GalleryInputError(f"{path}: {len(voices.people)} voices, at most {MOST_PEOPLE}")
    try:
        if voices.people:
            write_atomically(path, msgspec.json.encode(voices), _MODE)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise GalleryWriteError(
            f"{path}: {error.strerror}, the voices stay as they were"
        ) from error


def with_voice(
    voices: Voices, person: str, vector: NDArray[np.float32], speech_s: float, model: str
) -> Voices:
    """Return voices with more speech of a person, which counts by its length.

    Raises:
        GalleryInputError: the voices were made with another model.
    """
    if voices.people and voices.model != model:
        raise GalleryInputError(
            f"voices of {voices.model}, this one is of {model}; remove them and enrol them again"
        )
    before = voices.people.get(person)
    summed, length_s = vector * speech_s, speech_s
    if before is not None:
        summed = summed + before.array() * before.speech_s
        length_s += before.speech_s
    unit = np.asarray(summed / np.linalg.norm(summed), "<f4")
    return Voices(model, {**voices.people, person: Voice(unit.tobytes(), round(length_s, 2))})


def without_voices(voices: Voices, people: Collection[str]) -> Voices:
    """Return voices without these people's."""
    return Voices(voices.model, {p: v for p, v in voices.people.items() if p not in people})


def erase_voices(gallery: Path, people: Collection[str]) -> bool:
    """Take people's voices out of the file beside a gallery; return whether there were any.

    Raises:
        GalleryCorruptError: the file is damaged.
        GalleryWriteError: the disk is full or read-only.
    """
    voices = read_voices(gallery)
    left = without_voices(voices, people)
    if len(left.people) == len(voices.people):
        return False
    write_voices(gallery, left)
    return True


def _is_unit(vector: NDArray[np.float32]) -> bool:
    return abs(float(np.linalg.norm(vector)) - 1) < 1e-3
