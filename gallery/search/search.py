"""Search: an immutable snapshot of one release, and the best people for some probes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from gallery.errors import GalleryCorruptError, GalleryError, GalleryInputError
from gallery.search.scan import dots, highest, nearest_sketches
from gallery.store.quantise import check_vectors, quantise, restore, sketch
from gallery.texts import shown_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray

    from gallery.store.person import Person
    from gallery.store.release import Release
    from gallery.store.segment import Segment

CANDIDATES = 16_384
"""Rows that are compared exactly after the sketches (`docs/search.md` has the table)."""
_BLOCK_PEOPLE = 32_768
_SPARE = 8
MAX_SCORE = 1.05
"""Of two vectors of length 1, each as exact as it is checked to be."""


@dataclass(frozen=True, slots=True)
class Matches:
    """The best people for each of m probes.

    Attributes:
        ids: m lists of person ids, best first, each person once; shorter than k when the gallery
            (or `only`) has fewer people.
        scores: float32 (m, k), cosine similarity; -inf where `ids` has no entry.
    """

    ids: list[list[str]]
    scores: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Probes:
    exact: NDArray[np.float32]
    rows: NDArray[np.int8]
    scales: NDArray[np.float32]


_Found = tuple[float, int, int]
"""A score, the index of a segment, an ordinal in it."""


class Gallery:
    """One release, open for search; immutable, and safe for several threads.

    Dropping the last reference releases the files, so a newer one can take its place at any time
    while searches in this one go on. Made by `gallery.search.open.open_gallery`.

    Args:
        release: what is in it.
        segments: its open segments.
        withdrawn: ids of people who are to be left out, see `gallery.store.withdrawn`.
    """

    def __init__(
        self,
        release: Release,
        segments: tuple[Segment, ...],
        withdrawn: frozenset[str] = frozenset(),
    ) -> None:
        self._release = release
        self._segments: tuple[Segment, ...] | None = segments
        self._dead = _dead_ordinals(release, segments, withdrawn)
        self.identity = _identity(release, withdrawn)
        self.model = release.model
        self.dim = release.dim
        self.release = release.number
        self.people_count = sum(s.info.people for s in segments) - sum(map(len, self._dead))
        self.created_s = release.created_s
        self.index = "sketch" if any(s.sketches is not None for s in segments) else "exact"
        self.template_count = sum(s.info.rows for s in segments) - sum(
            int(s.templates.counts[tombstoned].sum())
            for s, tombstoned in zip(segments, self._dead, strict=True)
        )

    def search(
        self, probes: NDArray[np.float32], k: int = 5, only: Collection[str] | None = None
    ) -> Matches:
        """Return the k best people for each probe.

        Args:
            probes: float32 (m, d), unit length.
            k: how many people at most.
            only: ids to choose from, e.g. the cast of the film; unknown ids are no error.

        Raises:
            GalleryInputError: the probes have another shape, dtype or length.
            GalleryCorruptError: the people's file cannot be read.
        """
        check_vectors(probes, "probes", self.dim)
        if k < 1:
            raise GalleryInputError(f"search: k is {k}, expected at least 1")
        if not len(probes):
            return Matches([], np.zeros((0, k), np.float32))
        both = _Probes(probes, *quantise(probes))
        found: list[list[_Found]] = [[] for _ in probes]
        for index, segment in enumerate(self._open()):
            chosen = None if only is None else self._ordinals(index, only)
            for probe, best in enumerate(self._search_segment(index, segment, both, k, chosen)):
                found[probe] += best
        return self._matches(found, k)

    def _matches(self, found: list[list[_Found]], k: int) -> Matches:
        """Return the k best of what was found for each probe, of all segments together."""
        scores = np.full((len(found), k), -np.inf, np.float32)
        ids: list[list[str]] = []
        for probe, unsorted in enumerate(found):
            # Equal scores are ordered by place, so that the answer is always the same.
            best = sorted(unsorted, key=lambda f: (-f[0], f[1:]))[:k]
            scores[probe, : len(best)] = [score for score, _, _ in best]
            ids.append([self._open()[s].people.id_of(ordinal) for _, s, ordinal in best])
        return Matches(ids, scores)

    def person(self, person_id: str) -> Person:
        """Return a person, every text of whom is fit to be shown.

        Raises:
            GalleryInputError: nobody has this id.
        """
        index, ordinal = self._find(person_id)
        person = self._open()[index].people.person(ordinal)
        return cast("Person", shown_in(person))

    def __contains__(self, person_id: str) -> bool:
        return self._place(person_id) is not None

    def ids(self) -> Iterator[str]:
        """Yield the ids of all people, segment by segment, sorted within each."""
        for segment, tombstoned in zip(self._open(), self._dead, strict=True):
            gone = set(tombstoned.tolist())
            yield from (name for ordinal, name in segment.people.ids() if ordinal not in gone)

    def people(self) -> Iterator[Person]:
        """Yield all people, in the order of `ids`."""
        for segment, tombstoned in zip(self._open(), self._dead, strict=True):
            gone = set(tombstoned.tolist())
            yield from (
                person for ordinal, person in segment.people.people() if ordinal not in gone
            )

    def templates_of(self, person_id: str) -> NDArray[np.float32]:
        """Return a person's templates, float32 (t, d), of unit length.

        Raises:
            GalleryInputError: nobody has this id.
        """
        index, ordinal = self._find(person_id)
        segment = self._open()[index]
        rows = segment.rows_of(ordinal)
        return restore(segment.templates.rows[rows], segment.templates.scales[rows])

    def sample_templates(self, n: int, seed: int) -> NDArray[np.float32]:
        """Return templates of living people at random, without repetition, float32 (<= n, d)."""
        every = self._living_rows()
        rng = np.random.default_rng(seed)
        chosen = rng.permutation(every.shape[1])[:n]
        out = np.empty((len(chosen), self.dim), np.float32)
        for index, segment in enumerate(self._open()):
            theirs = every[0, chosen] == index
            rows = every[1, chosen[theirs]]
            out[theirs] = restore(segment.templates.rows[rows], segment.templates.scales[rows])
        return out

    def _living_rows(self) -> NDArray[np.intp]:
        """Return the segment and row of each template of living people, intp (2, n)."""
        places = [np.zeros((2, 0), np.intp)]
        for index, (segment, tombstoned) in enumerate(zip(self._open(), self._dead, strict=True)):
            alive = np.ones(segment.info.people, bool)
            alive[tombstoned] = False
            rows = np.flatnonzero(np.repeat(alive, segment.templates.counts))
            places.append(np.stack([np.full(len(rows), index), rows]))
        return np.concatenate(places, axis=1)

    def _best_at(
        self, places: NDArray[np.intp], probe: NDArray[np.float32], k: int
    ) -> list[_Found]:
        """Return the best people who own some templates, given as intp (2, n)."""
        found: list[_Found] = []
        for index, segment in enumerate(self._open()):
            owners = np.unique(segment.owners_of(places[1, places[0] == index]))
            best = _best_among(segment, owners, probe, k)
            found += [(score, index, ordinal) for score, ordinal in best]
        return found

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The open segments; none after `close`."""
        return self._segments or ()

    def close(self) -> None:
        """Release the files now; searches that run in other threads end first, or fail cleanly."""
        self._segments = None

    def _open(self) -> tuple[Segment, ...]:
        if self._segments is None:
            raise GalleryError(f"gallery release {self.release}: was closed")
        return self._segments

    def _place(self, person_id: str) -> tuple[int, int] | None:
        for index, segment in reversed(list(enumerate(self._open()))):
            ordinal = segment.people.ordinal_of(person_id)
            if ordinal is not None and not _has(self._dead[index], ordinal):
                return index, ordinal
        return None

    def _find(self, person_id: str) -> tuple[int, int]:
        place = self._place(person_id)
        if place is None:
            raise GalleryInputError(
                f"{person_id!a}: nobody in release {self.release} has this id; "
                'see "tvradar gallery inspect"'
            )
        return place

    def _ordinals(self, index: int, only: Collection[str]) -> NDArray[np.intp]:
        table = self._open()[index].people
        found = {o for name in only if (o := table.ordinal_of(name)) is not None}
        return np.array(sorted(o for o in found if not _has(self._dead[index], o)), np.intp)

    def _search_segment(
        self, index: int, segment: Segment, probes: _Probes, k: int, chosen: NDArray[np.intp] | None
    ) -> Iterator[list[_Found]]:
        """Yield the best people of one segment for each probe."""
        tombstoned = self._dead[index]
        if chosen is not None:
            found = [_best_among(segment, chosen, p, k) for p in probes.exact]
        elif segment.sketches is not None:
            planes = sketch(probes.rows, probes.scales, segment.sketches.centre)
            found = []
            for n, exact in enumerate(probes.exact):
                near = nearest_sketches(
                    segment.sketches.planes, planes[:, n], max(CANDIDATES, 16 * k)
                )
                first = _coarse(segment, near, probes.rows[n], k, tombstoned)
                found.append(_best_among(segment, first, exact, k))
        else:
            found = [
                _best_among(segment, first, exact, k)
                for first, exact in zip(
                    _scan(segment, probes.rows, k + _SPARE, tombstoned), probes.exact, strict=True
                )
            ]
        for best in found:
            yield [(score, index, ordinal) for score, ordinal in best]


def _identity(release: Release, withdrawn: frozenset[str]) -> str:
    """Return what a cache goes by: the same people and templates, nothing about their place."""
    left_out = (
        hashlib.sha256("\n".join(sorted(withdrawn)).encode()).hexdigest() if withdrawn else ""
    )
    return f"{release.identity}{left_out}"


def _dead_ordinals(
    release: Release, segments: tuple[Segment, ...], withdrawn: frozenset[str]
) -> tuple[NDArray[np.intp], ...]:
    tombstoned: list[set[int]] = [set() for _ in segments]
    for tombstone in release.tombstones:
        tombstoned[tombstone.segment].add(tombstone.ordinal)
    for theirs, segment in zip(tombstoned, segments, strict=True):
        places = (segment.people.ordinal_of(person_id) for person_id in withdrawn)
        theirs.update(ordinal for ordinal in places if ordinal is not None)
    return tuple(np.array(sorted(theirs), np.intp) for theirs in tombstoned)


def _has(ascending: NDArray[np.intp], value: int) -> bool:
    place = int(np.searchsorted(ascending, value))
    return place < len(ascending) and int(ascending[place]) == value


def _coarse(
    segment: Segment,
    rows: NDArray[np.intp],
    probe: NDArray[np.int8],
    k: int,
    tombstoned: NDArray[np.intp],
) -> NDArray[np.intp]:
    """Return the people of the best of some rows by int8 scores, intp (n,), no tombstoned ones."""
    owners = segment.owners_of(rows)
    if len(tombstoned):
        alive = ~np.isin(owners, tombstoned)
        rows, owners = rows[alive], owners[alive]
    templates = segment.templates
    scores = dots(templates.rows[rows], probe[None])[:, 0] * templates.scales[rows]
    wanted = k + _SPARE
    if segment.starts is not None:
        wanted = min(len(rows), wanted * int(segment.templates.counts.max()))
    if len(rows) > wanted:
        owners = owners[highest(scores, wanted)]
    return np.unique(owners)


def _scan(
    segment: Segment, probes: NDArray[np.int8], wanted: int, tombstoned: NDArray[np.intp]
) -> list[NDArray[np.intp]]:
    """Return for each probe the `wanted` best people of the whole segment, intp (<= wanted,)."""
    people = segment.info.people
    owners: list[list[NDArray[np.intp]]] = [[] for _ in probes]
    scores: list[list[NDArray[np.float32]]] = [[] for _ in probes]
    for first in range(0, people, _BLOCK_PEOPLE):
        last = min(first + _BLOCK_PEOPLE, people)
        block = _score_people(segment, first, last, probes)
        block[:, tombstoned[(tombstoned >= first) & (tombstoned < last)] - first] = -np.inf
        for n in range(len(probes)):
            best = highest(block[n], wanted)
            best = best[block[n, best] > -np.inf]
            owners[n].append(best + first)
            scores[n].append(block[n, best])
    kept = []
    for their_owners, their_scores in zip(owners, scores, strict=True):
        order = np.argsort(-np.concatenate(their_scores), kind="stable")[:wanted]
        kept.append(np.concatenate(their_owners)[order])
    return kept


def _score_people(
    segment: Segment, first: int, last: int, probes: NDArray[np.int8]
) -> NDArray[np.float32]:
    """Return each person's best int8 score for each probe, float32 (m, last - first)."""
    start, stop = segment.rows_of(first).start, segment.rows_of(last - 1).stop
    templates = segment.templates
    whole = dots(templates.rows[start:stop], probes)
    scores = np.ascontiguousarray(whole.T) * templates.scales[start:stop]
    if segment.starts is None:
        return scores
    return np.maximum.reduceat(scores, segment.starts[first:last] - start, axis=1)


def _best_among(
    segment: Segment, ordinals: NDArray[np.intp], probe: NDArray[np.float32], k: int
) -> list[tuple[float, int]]:
    """Return the k best of a few people by their templates and the probe as it is, best first."""
    if not len(ordinals):
        return []
    templates = segment.templates
    rows = segment.rows_of_all(ordinals)
    # Not `@`, which would wake the BLAS' threads.
    restored = restore(templates.rows[rows], templates.scales[rows])
    scores = np.einsum("nd,d->n", restored, probe)
    if not (np.abs(scores) <= MAX_SCORE).all():
        raise GalleryCorruptError(
            f"{segment.path}: gives a score of {scores[~(np.abs(scores) <= MAX_SCORE)][0]:.3g}, "
            f"expected a cosine; install the release again"
        )
    if segment.starts is not None:
        counts = templates.counts[ordinals].astype(np.intp)
        scores = np.maximum.reduceat(scores, np.cumsum(counts) - counts)
    order = np.argsort(-scores, kind="stable")[:k]
    return [(float(scores[n]), int(ordinals[n])) for n in order]
