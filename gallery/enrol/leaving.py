"""Who would leave a gallery with a library that has them no more: a share may only be offline."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from gallery.errors import GalleryMissingError
from gallery.library.found import LibraryError
from gallery.search.open import open_gallery
from gallery.texts import shown

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

MOST_LEAVING = 2
MOST_SHARE = 0.1
"""Up to so many, or so large a share of the gallery, leave as films come and go; never half."""
_TOLD = 3


class Left(msgspec.Struct, frozen=True):
    """Somebody who left the gallery, since the library has them no more."""

    id: str
    name: str


class LibraryShrunkError(LibraryError):
    """Many people would leave the gallery; a part of the library may not be there just now."""


def leaving(
    gallery: Path, staying: Collection[str], incomplete: Sequence[str], *, agreed: bool
) -> tuple[Left, ...]:
    """Return who leaves a gallery.

    Args:
        gallery: its folder; nobody leaves one that is not there yet.
        staying: ids of whom the library has, with a picture.
        incomplete: why titles may be missing that are there; then nobody may leave.
        agreed: the user knows that people leave.

    Raises:
        LibraryShrunkError: more leave than usual, and nobody agreed.
        GalleryCorruptError: the gallery is damaged.
    """
    try:
        opened = open_gallery(gallery)
    except GalleryMissingError:
        return ()
    try:
        ids = list(opened.ids())
        stay = frozenset(staying)
        people = [opened.person(i) for i in ids if i not in stay]
    finally:
        opened.close()
    usual = min(max(MOST_LEAVING, int(MOST_SHARE * len(ids))), (len(ids) - 1) // 2)
    if incomplete:
        usual = 0
    if len(people) > usual and not agreed:
        titles = Counter(w.name() for person in people for w in person.works)
        raise LibraryShrunkError(
            f"{shown(str(gallery))}: {len(people)} of {len(ids)} people would leave it "
            f"({_some([p.name() for p in people])})"
            + (f", with {_some(list(dict(titles.most_common())))}" if titles else "")
            + (f"; {_some(incomplete)}" if incomplete else "")
            + "; nothing was changed. See that no disk, share or library of the server is "
            "offline and run it again, or let them go with --let-go"
        )
    return tuple(Left(person.id, person.name()) for person in people)


def _some(lines: Sequence[str]) -> str:
    more = len(lines) - _TOLD
    return ", ".join(lines[:_TOLD]) + (f" and {more} more" if more > 0 else "")
