"""The score that a name needs, from the gallery's size and the promised rate."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from edge.recognise.decide import Policy
from engines.scores.model import score_model
from engines.scores.spread import PEOPLE
from engines.scores.threshold import NEIGHBOURS
from gallery.errors import GalleryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gallery.search.search import Gallery

_KEPT = 2
"""The release in use and the next one, which is prepared while the current one serves."""


class Thresholds:
    """The policy of each release for tracks, made once; safe for several threads.

    Each search shows how dense the gallery is around its face, so a release of any size needs no
    preparation.

    Args:
        fpir: promised share of strangers who get a name.
        cast: ids of the title's cast.
    """

    def __init__(self, fpir: float, cast: frozenset[str] = frozenset()) -> None:
        self._fpir, self._cast = fpir, cast
        self._known: dict[str, Policy] = {}

    def prepare(self, gallery: Gallery) -> Policy:
        """Return the policy for a gallery."""
        found = self._known.get(gallery.identity)
        if found is None:
            found = policy_for(gallery, self._fpir, self._cast, stills=False)
            kept = [name for name in self._known if name != gallery.identity][1 - _KEPT :]
            self._known = {name: self._known[name] for name in kept} | {gallery.identity: found}
        return found


def policy_for(
    gallery: Gallery, fpir: float, cast: frozenset[str] = frozenset(), *, stills: bool = True
) -> Policy:
    """Return the thresholds for a gallery; a face's own neighbours move them.

    They rise with its size, and for pictures with how widely its own people's cosines spread.
    """
    people, scores = gallery.people_count, score_model(gallery.model)
    if stills:
        scores = scores.for_gallery(gallery.sample_templates(PEOPLE, 0), people, fpir)
    return Policy(
        scores.threshold(people, fpir, stills=stills),
        people,
        scores,
        cast,
        alike=_similarity(gallery),
        around=neighbourhood(gallery),
        stills=stills,
    )


def neighbourhood(gallery: Gallery) -> Callable[[str], tuple[float, ...]]:
    """Return how near others of a gallery are to a person; who comes up is remembered.

    Their nearest is left out: a brother, or the same person under another name.
    """

    @lru_cache(maxsize=4096)
    def around(person: str) -> tuple[float, ...]:
        try:
            found = gallery.search(gallery.templates_of(person)[:1], k=NEIGHBOURS + 2)
        except GalleryError:  # as below
            return ()
        pairs = zip(found.ids[0], found.scores[0].tolist(), strict=False)
        others = [score for name, score in pairs if name != person]
        return tuple(others[1 : NEIGHBOURS + 1])

    return around


def _similarity(gallery: Gallery) -> Callable[[str, str], float]:
    """Return how alike two people of a gallery are; the pairs that come up are remembered."""

    @lru_cache(maxsize=4096)
    def alike(a: str, b: str) -> float:
        try:
            return float((gallery.templates_of(a) @ gallery.templates_of(b).T).max())
        except GalleryError:  # a candidate from before a swap, or a rotten disk: no look-alikes
            return 0.0

    return alike
