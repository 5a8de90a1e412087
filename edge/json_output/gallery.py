"""What the commands of a gallery print."""

from __future__ import annotations

from typing import Any

import msgspec


class Enrolled(msgspec.Struct, frozen=True):
    """`gallery enrol`, and its --report.

    Attributes:
        pictures: how many, by what became of them.
        left_out: a sentence for each file that is no picture of a person.
        same_faces: people who look like one person.
        few_pictures: who has fewer than three different ones, and how many.
        reports: each is a `gallery.enrol.people.PersonReport`.
    """

    gallery: str
    release: int
    model: str
    people: int
    templates: int
    pictures: dict[str, int]
    left_out: list[str]
    same_faces: list[Any]
    few_pictures: list[Any]
    reports: list[Any]


class Changed(msgspec.Struct, frozen=True):
    """`gallery add`, `remove`, `compact`: the release that followed."""

    gallery: str
    release: int
    people: int
    segments: int
    tombstones: int


class ChangedVoice(msgspec.Struct, frozen=True):
    """`gallery voice`: the file, whose voice, and the seconds of speech; 0 where it is erased."""

    voices: str
    person: str
    speech_s: float


class ShownPerson(msgspec.Struct, frozen=True):
    """One person in `gallery inspect`."""

    id: str
    name: str
    role: str
    pictures: int
    templates: int


class Inspected(msgspec.Struct, frozen=True):
    """`gallery inspect`: time in UTC; each segment is a `gallery.store.release.SegmentInfo`."""

    gallery: str
    release: int
    model: str
    dim: int
    created: str
    people: int
    templates: int
    index: str
    bytes: int
    segments: list[Any]
    tombstones: int
    kept_releases: list[int]
    first_people: list[ShownPerson]


class Match(msgspec.Struct, frozen=True):
    """Somebody in the gallery, and the cosine similarity of their template with a face."""

    id: str
    name: str
    score: float


class Matches(msgspec.Struct, frozen=True):
    """`gallery search`: best first; `threshold` is what the first needs to be named."""

    image: str
    threshold: float
    people: list[Match]


class Verified(msgspec.Struct, frozen=True):
    """`gallery verify`: the releases there are, and a sentence for each damage."""

    gallery: str
    releases: list[int]
    problems: list[str]


class Exported(msgspec.Struct, frozen=True):
    """`gallery export`."""

    gallery: str
    output: str
    people: int


class Differs(msgspec.Struct, frozen=True):
    """`gallery diff`; the lists are those of `gallery.inspect.compare.Difference`."""

    same: bool
    model: tuple[str, ...]
    added: list[str]
    removed: list[str]
    text: list[str]
    templates: list[str]
