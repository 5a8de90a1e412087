"""What differs between two galleries, or two releases of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

if TYPE_CHECKING:
    from gallery.search.search import Gallery


class Difference(msgspec.Struct, frozen=True):
    """From A to B; ids, sorted.

    Attributes:
        model: the models' names if they differ, else empty.
        added: only in B.
        removed: only in A.
        text: with another name, role, biography, works, pictures or photo.
        templates: with other templates.
    """

    model: tuple[str, ...]
    added: list[str]
    removed: list[str]
    text: list[str]
    templates: list[str]

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.model or self.added or self.removed or self.text or self.templates)


def difference(a: Gallery, b: Gallery) -> Difference:
    """Return what differs from `a` to `b`."""
    ids_a, ids_b = set(a.ids()), set(b.ids())
    both = sorted(ids_a & ids_b)
    return Difference(
        () if a.model == b.model else (a.model, b.model),
        sorted(ids_b - ids_a),
        sorted(ids_a - ids_b),
        [i for i in both if a.person(i) != b.person(i)],
        [i for i in both if not np.array_equal(a.templates_of(i), b.templates_of(i))],
    )
