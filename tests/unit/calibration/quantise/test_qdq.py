from __future__ import annotations

import numpy as np
import pytest

from calibration.errors import CalibrationError
from calibration.quantise.equalise import equalise
from calibration.quantise.plan import plan
from calibration.quantise.prepare import exact_sums, prepare
from calibration.quantise.qdq import quantize_weight, write_qdq
from calibration.quantise.ranges import measure_ranges
from calibration.quantise.scales import METHODS, choose_scales, tensors_to_measure


def _ranges(small, graph):
    inputs = [p[None] for p in small.pictures(24)]
    return measure_ranges(graph, tensors_to_measure(graph, plan(graph)), inputs)


def test_preparing_keeps_the_outputs(small) -> None:
    model = small.network()
    graph = prepare(model)
    kinds = {n.op_type for n in graph.nodes}
    assert "BatchNormalization" not in kinds
    assert all(
        (graph.constants[n.input[1]] <= 1).all() for n in graph.nodes if n.op_type == "PRelu"
    )
    data = small.pictures(4)
    # The first layer's zero padding stands for 127.5 before and for 128 behind.
    inner = small.cosines(small.run(model, data), small.run(graph.model(), data))
    assert inner.min() > 0.9999


def test_equalising_keeps_the_outputs(small) -> None:
    graph = prepare(small.network())
    before = small.run(graph.model(), small.pictures(4))
    ranges = _ranges(small, graph)
    spread = np.ptp(np.log(ranges["p1"].peaks.max(axis=0)))
    equalise(graph, ranges, 0.5)
    np.testing.assert_allclose(small.run(graph.model(), small.pictures(4)), before, atol=1e-4)
    assert np.ptp(np.log(ranges["p1"].peaks.max(axis=0))) < spread / 3


@pytest.mark.parametrize("method", METHODS)
def test_every_method_keeps_the_outputs_close(small, method) -> None:
    graph = prepare(small.network())
    ranges = _ranges(small, graph)
    chosen = plan(graph)
    scales = choose_scales(graph, chosen, ranges, method)
    data = small.pictures(32, seed=9)
    model = write_qdq(graph, chosen, scales)
    cosines = small.cosines(small.run(small.network(), data), small.run(model, data))
    assert cosines.mean() > 0.98


def test_the_least_error_method_beats_the_plain_range(small) -> None:
    graph = prepare(small.network())
    ranges = _ranges(small, graph)
    ranges["p1"].samples[0, 0] = 100 * np.abs(ranges["p1"].samples).max()
    assert (
        choose_scales(graph, plan(graph), ranges, "mse")["p2"]
        <= choose_scales(graph, plan(graph), ranges, "minmax")["p2"]
    )


def test_pixels_are_held_exactly(small) -> None:
    graph = prepare(small.network())
    scales = choose_scales(graph, plan(graph), _ranges(small, graph), "mse")
    assert scales["t1"] == 1 / 128


def test_the_same_input_gives_the_same_bytes(small) -> None:
    def once() -> bytes:
        graph = prepare(small.network())
        ranges = _ranges(small, graph)
        equalise(graph, ranges, 0.5)
        chosen = plan(graph)
        model = write_qdq(graph, chosen, choose_scales(graph, chosen, ranges, "mse"))
        return model.SerializeToString(deterministic=True)

    assert once() == once()


def test_pooling_and_resizing_share_the_scale_of_their_input(small) -> None:
    chosen = plan(prepare(small.network()))
    assert chosen.tensors["m3"] == chosen.tensors["r3"] == "r3"
    assert chosen.tensors["u4"] == "r4"


def test_weights_keep_their_sign_and_reach() -> None:
    weight = np.array([[-1.0, 0.5], [0.0, 0.0]], np.float32)
    steps, scale = quantize_weight(weight)
    assert steps.tolist() == [[-127, 64], [0, 0]]
    assert scale[0] == np.float32(1 / 127)


def test_unknown_method(small) -> None:
    graph = prepare(small.network())
    with pytest.raises(CalibrationError, match="expected one of mse"):
        choose_scales(graph, plan(graph), {}, "magic")


def test_sums_do_not_depend_on_the_order_of_adding() -> None:
    rows = np.random.default_rng(0).normal(size=(3, 999)) * 10.0 ** np.arange(999).clip(0, 30)
    assert (exact_sums(rows) == exact_sums(rows[:, ::-1])).all()
    assert (exact_sums(rows.reshape(3, 27, 37)) == exact_sums(rows)).all()
