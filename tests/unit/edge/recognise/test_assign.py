import itertools

import numpy as np
import pytest

from edge.recognise.assign import assign


def cheapest(cost: np.ndarray) -> float:
    """Return the least total cost, by trying all ways."""
    if cost.shape[0] > cost.shape[1]:
        cost = cost.T
    rows = range(cost.shape[0])
    every = itertools.permutations(range(cost.shape[1]), cost.shape[0])
    return min(float(sum(cost[r, c] for r, c in zip(rows, way, strict=True))) for way in every)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 1), (3, 3), (5, 5), (3, 6), (6, 4)])
def test_costs_no_more_than_any_other_way(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(shape)
    for _ in range(40):
        cost = random.normal(size=shape).round(1)
        cost[random.random(shape) < 0.3] = 1e6
        pairs = assign(cost)
        assert len(pairs) == min(shape)
        assert len({r for r, _ in pairs}) == len({c for _, c in pairs}) == len(pairs)
        assert pairs == sorted(pairs)
        assert sum(cost[r, c] for r, c in pairs) == pytest.approx(cheapest(cost))


def test_a_crowd_is_no_trouble() -> None:
    random = np.random.default_rng(0)
    places = random.random((80, 2))
    moved = places[::-1] + random.normal(0, 0.001, (80, 2))
    cost = np.linalg.norm(places[:, None] - moved[None], axis=-1)
    assert assign(cost) == [(i, 79 - i) for i in range(80)]
