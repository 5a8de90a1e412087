"""What is known of the film or programme that plays: its name and who is said to act in it."""

from __future__ import annotations

from typing import Literal

import msgspec

TitleSource = Literal["request", "mqtt", "eit", "nfo", "tags"]
"""Who told the title."""
MAX_CAST = 2_000
"""More names are of no one film; the rest is left out."""
MAX_TITLE = 500
"""Characters of a title or a name; the rest is cut."""


class CastMember(msgspec.Struct, frozen=True):
    """Somebody who is said to act.

    Attributes:
        name: as the source writes it.
        role: whom they play, or empty.
        picture: address or path of their picture, or empty.
    """

    name: str
    role: str = ""
    picture: str = ""


class Title(msgspec.Struct, frozen=True):
    """A film, an episode, a programme.

    Attributes:
        names: the title first as it is shown, then others, such as the original one.
        year: of the first release, None where it is not told.
        cast: in the source's order.
        text: a description in which names may stand, or empty.
    """

    names: tuple[str, ...]
    year: int | None = None
    cast: tuple[CastMember, ...] = ()
    text: str = ""
