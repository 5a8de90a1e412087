"""The queue of pairs gives what a list of all pairs would give, and is short."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.hindsight.alike_pairs import AT_ONCE, AlikePairs, cosines
from engines.pipeline import unit

LEAST = 0.3


def vectors(seed: int, count: int) -> np.ndarray:
    """Return vectors of a few people, some of them the same twice."""
    chance = np.random.default_rng(seed)
    people = chance.standard_normal((3, 16))
    near = people[chance.integers(3, size=count)] + 0.7 * chance.standard_normal((count, 16))
    near[1::5] = near[::5][: len(near[1::5])]
    return unit(near.astype(np.float32))


def merged(units: np.ndarray, a: int, b: int) -> None:
    units[a] = unit(units[a] + units[b])
    units[b] = 0


def by_list(units: np.ndarray, refused: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join the nearest two again and again, by looking at every pair each time."""
    count, joined = len(units), []
    owner = {(a, b): a for a in range(count) for b in range(a + 1, count)}
    while True:
        order = []
        for (a, b), first in owner.items():
            score = float(cosines(units[[b if first == a else a]], units[first])[0])
            if score >= LEAST:
                order.append((-score, first, b if first == a else a))
        if not order:
            return joined
        _, a, b = min(order)
        if (a, b) in refused:
            del owner[min(a, b), max(a, b)]
            continue
        joined.append((a, b))
        merged(units, a, b)
        pairs = {tuple(sorted((a, c))): a for c in range(count) if c != a and units[c].any()}
        owner = {p: f for p, f in owner.items() if b not in p and a not in p} | pairs


def by_queue(units: np.ndarray, refused: set[tuple[int, int]]) -> list[tuple[int, int]]:
    pairs, joined = AlikePairs(units, LEAST), []
    pairs.propose_all(range(len(units)))
    while (found := pairs.pop()) is not None:
        _, a, b = found
        if (a, b) in refused:
            continue
        joined.append((a, b))
        merged(units, a, b)
        pairs.changed(b)
        pairs.changed(a)
        pairs.propose(a)
    return joined


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 3 * AT_ONCE), st.integers(0, 60))
def test_pairs_are_joined_as_from_a_list_of_all(seed: int, count: int, refusals: int) -> None:
    chance = np.random.default_rng(seed)
    refused = {(int(a), int(b)) for a, b in chance.integers(count, size=(refusals, 2))}
    units = vectors(seed, count)
    assert by_queue(units.copy(), refused) == by_list(units.copy(), refused)


def test_a_cosine_is_the_same_wherever_its_row_stands() -> None:
    units = vectors(3, 200)
    order = np.random.default_rng(0).permutation(len(units))
    for a in (0, 7, 199):
        assert (cosines(units[order], units[a]) == cosines(units, units[a])[order]).all()
        assert (cosines(units[a : a + 1], units[a]) == cosines(units, units[a])[a]).all()
