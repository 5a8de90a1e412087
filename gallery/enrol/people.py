"""What enrolment passes on: whom to enrol, what a picture gave, what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from gallery.store.person import Person

if TYPE_CHECKING:
    from numpy.typing import NDArray

Status = Literal["used", "rejected", "flagged"]


class PictureRef(msgspec.Struct, frozen=True):
    """One picture of a catalogue.

    Attributes:
        name: the file's name, for reports.
        uri: where it is: an absolute path, or a URL that fsspec opens.
        stamp: changes when the picture does, as far as where it is tells (size and time, ETag).
        source: where it came from, for the record.
        licence: on what terms.
    """

    name: str
    uri: str
    stamp: str = ""
    source: str = ""
    licence: str = ""


class Entry(msgspec.Struct, frozen=True):
    """Somebody to enrol: texts without photo, and pictures sorted by name."""

    person: Person
    pictures: tuple[PictureRef, ...]


class PictureReport(msgspec.Struct, frozen=True):
    """What became of one picture: `flagged` is used, but somebody should look at it."""

    path: str
    status: Status
    reason: str = ""
    quality: float = 0.0


class PersonReport(msgspec.Struct, frozen=True):
    """What became of one person; without a usable picture `enrolled` is false."""

    id: str
    enrolled: bool
    pictures: tuple[PictureReport, ...]


class OtherFace(msgspec.Struct, frozen=True):
    """One more face of a picture that could be the person's; see `Sample` for its values."""

    vector: bytes
    quality: float
    photo: bytes
    side_px: float

    def array(self) -> NDArray[np.float32]:
        """Return the vector, float32 (dimension,)."""
        return np.frombuffer(self.vector, "<f4")


class Sample(msgspec.Struct, frozen=True):
    """A picture and a face of it: the largest good one, or the one that was chosen.

    Attributes:
        picture: whose face it is.
        sha256: of the picture's bytes.
        vector: float32 (dimension,), unit length, little-endian.
        quality: 0 to 1.
        photo: a JPEG of head and shoulders.
        side_px: the face's size.
        rival_px: size of the largest other face that is no mere passer-by, 0 where there is none.
        others: the other good faces, largest first.
        note: why this face was chosen among several, or empty.
    """

    picture: PictureRef
    sha256: str
    vector: bytes
    quality: float
    photo: bytes
    side_px: float = 0.0
    rival_px: float = 0.0
    others: tuple[OtherFace, ...] = ()
    note: str = ""

    def array(self) -> NDArray[np.float32]:
        """Return the vector, float32 (dimension,)."""
        return np.frombuffer(self.vector, "<f4")


class EmbeddedPerson(msgspec.Struct, frozen=True):
    """What the models made of one entry; nothing is judged yet.

    Attributes:
        person: texts, without photo and pictures.
        samples: the faces.
        rejected: pictures that gave none, and why.
    """

    person: Person
    samples: tuple[Sample, ...]
    rejected: tuple[PictureReport, ...]


def vectors_of(samples: tuple[Sample, ...]) -> NDArray[np.float32]:
    """Return the samples' vectors, float32 (n, dimension)."""
    if not samples:
        return np.zeros((0, 0), np.float32)
    return np.stack([sample.array() for sample in samples])
