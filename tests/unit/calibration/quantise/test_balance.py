from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from calibration.quantise.balance import Balance, balance
from calibration.quantise.plan import plan
from calibration.quantise.prepare import prepare
from calibration.quantise.qdq import write_qdq
from calibration.quantise.ranges import measure_ranges
from calibration.quantise.scales import choose_scales, tensors_to_measure
from engines.onnx_models.integer_ops import integer_form, machine_offsets

if TYPE_CHECKING:
    from engines.onnx_models.graph import Graph


@pytest.fixture(scope="module")
def made(small) -> tuple[Graph, Balance]:
    graph = prepare(small.network())
    inputs = [p[None] for p in small.pictures(24)]
    ranges = measure_ranges(graph, tensors_to_measure(graph, plan(graph)), inputs)
    return graph, balance(graph, plan(graph), ranges)


def test_the_float_network_stays_the_same(small, made) -> None:
    data = small.pictures(8, seed=3)
    graph, _ = made
    before = prepare(small.network()).model()
    np.testing.assert_allclose(small.run(graph.model(), data), small.run(before, data), rtol=1e-3)


def test_only_what_no_padding_joins_is_stored_lower(made) -> None:
    graph, found = made
    assert set(found.scales) == set(plan(graph).roots)
    # p1 is read by a padded depthwise layer, p2 by a 1x1 convolution; no other PRelu is there.
    assert set(found.shifts) == {"p2"}
    model = write_qdq(graph, plan(graph), found.scales, shifts=found.shifts)
    assert [n.name for n in model.graph.node if n.op_type == "Sub"][1:] == ["p2.sub"]


def test_a_lower_store_changes_rounding_only(small, made) -> None:
    graph, found = made
    data = small.pictures(32, seed=9)
    wanted = small.run(small.network(), data)
    fine = found.scales | {"p2": found.scales["p2"] * 0.4}
    shifted = write_qdq(graph, plan(graph), fine, shifts=found.shifts)
    narrow = write_qdq(graph, plan(graph), fine)
    # Without the shift so fine a step cuts what is large.
    errors = [np.abs(small.run(m, data) - wanted).mean() for m in (shifted, narrow)]
    assert errors[0] < errors[1]
    computed = small.run(integer_form(shifted, machine_offsets()), data)
    assert small.cosines(small.run(shifted, data), computed).min() > 0.9995


def test_it_serves_pictures_that_were_not_seen(small, made) -> None:
    data = small.pictures(64, seed=5)
    wanted = small.run(small.network(), data)
    graph, found = made
    balanced = write_qdq(graph, plan(graph), found.scales, shifts=found.shifts)
    own = prepare(small.network())
    inputs = [p[None] for p in small.pictures(24)]
    ranges = measure_ranges(own, tensors_to_measure(own, plan(own)), inputs)
    plain = write_qdq(own, plan(own), choose_scales(own, plan(own), ranges, "mse"))
    assert small.cosines(wanted, small.run(balanced, data)).mean() > max(
        0.99, float(small.cosines(wanted, small.run(plain, data)).mean())
    )
