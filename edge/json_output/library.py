"""What `tvradar library` prints."""

from __future__ import annotations

from typing import Any

import msgspec


class PicturesFetched(msgspec.Struct, frozen=True):
    """How many pictures came now, and how many were there from before."""

    fetched: int
    kept: int


class LibraryImported(msgspec.Struct, frozen=True):
    """`library import`, `update` and `accept`.

    Attributes:
        titles, people, enrolled, no_picture, one_picture, looks_like: see
            `gallery.enrol.library.LibraryReport`.
        left: who left the library; each is a `gallery.enrol.leaving.Left`.
        left_out: what was not read, and why.
    """

    gallery: str
    release: int
    titles: int
    people: int
    enrolled: int
    no_picture: tuple[Any, ...]
    one_picture: tuple[str, ...]
    looks_like: tuple[Any, ...]
    left: list[Any]
    left_out: list[str]
    pictures: PicturesFetched


class Offered(msgspec.Struct, frozen=True):
    """`library learn`.

    Attributes:
        page: the file that shows the faces.
        people: ids.
    """

    page: str
    views: int
    people: list[str]
