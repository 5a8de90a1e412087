"""What is asked and told about the title that plays; needs none of what finds it out."""

from __future__ import annotations

import msgspec

MAX_REQUEST = 64 * 1024


class TitleRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `POST /api/title` and MQTT `title` carry; without a title and a cast it clears both.

    Attributes:
        title: the name.
        year: of the first release.
        cast: names or ids.
    """

    title: str = ""
    year: int | None = None
    cast: tuple[str, ...] = ()


class Playing(msgspec.Struct, frozen=True):
    """The answer to it.

    Attributes:
        title: the name, or empty.
        source: who told it, None where nobody did.
        cast: ids of those in the gallery.
        unknown: names that nobody of the gallery has, at most twenty.
    """

    title: str = ""
    source: str | None = None
    cast: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
