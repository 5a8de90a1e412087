"""Choose factors, scales and shifts of a network of PRelus together, from few pictures.

What a calibration sees is narrower than what comes: a range cut where the squared error is least on
its own pictures cuts other people's faces, and what is cut adds up from layer to layer where
rounding averages out. So the samples are stretched by `MARGIN` before the least error is looked
for. Each channel's own best step becomes its factor, all of it where a depthwise layer reads, a
share of it where the weights of a layer that mixes channels would lose more than is gained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from calibration.quantise.equalise import DIGITS, Factors, divide_channels, is_depthwise
from calibration.quantise.prepare import linear_consumers, weights_of
from calibration.quantise.scales import behind_flatten, choose_scales, sensitivity
from calibration.quantise.shift import may_shift

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

    from calibration.quantise.plan import Plan
    from calibration.quantise.ranges import Ranges
    from engines.onnx_models.graph import Graph

    Array = NDArray[np.float64]

MARGIN = 1.7
SHARES = np.geomspace(0.15, 1.5, 16)
"""Steps that are tried, as shares of the one that covers a channel's largest value."""
AROUND = np.geomspace(0.35, 2.2, 25)
SHIFTS = (0, 48, 80)
STRENGTHS = (0.5, 0.75)
SAMPLES = 1600
STEPS = 127
NARROWEST = 1e-3


@dataclass(frozen=True)
class Balance:
    """What `balance` chose.

    Attributes:
        factors: by a Conv's output, by what its channels are divided.
        scales: of each root of the plan.
        shifts: by root, how many steps lower it is stored.
    """

    factors: Factors
    scales: dict[str, float]
    shifts: dict[str, int]


@dataclass(frozen=True)
class _Curves:
    """Squared error of each channel by its step.

    Attributes:
        top: float64 (channels,), the largest magnitude before the activation.
        errors: by shift, float64 (channels, len(SHARES)).
        power: float64 (channels,), mean square behind the activation.
    """

    top: Array
    errors: dict[int, Array]
    power: Array

    def best_steps(self, shift: int) -> Array:
        """Return each channel's step with the least error, float64 (channels,)."""
        best = self.top / STEPS * SHARES[self.errors[shift].argmin(axis=1)]
        return np.asarray(np.maximum(best, NARROWEST * best.max()))

    def at(self, shift: int, steps: Array) -> Array:
        """Return each channel's error at a step of its own, float64 (channels,)."""
        shares, wanted = np.log(SHARES), np.log(steps * STEPS / self.top)
        left = np.clip(np.searchsorted(shares, wanted) - 1, 0, len(shares) - 2)
        part = (wanted - shares[left]) / (shares[left + 1] - shares[left])
        logs, rows = np.log(np.maximum(self.errors[shift], 1e-20)), np.arange(len(steps))
        return np.asarray(np.exp(logs[rows, left] * (1 - part) + logs[rows, left + 1] * part))


def balance(graph: Graph, chosen: Plan, ranges: dict[str, Ranges]) -> Balance:
    """Choose for every Conv -> PRelu -> Conv or Gemm, and divide its channels, ranges too.

    Args:
        graph: a graph from `prepare`; changed.
        chosen: from `plan`; its other tensors get the scale of the least error.
        ranges: of each tensor in `tensors_to_measure`; changed.
    """
    producers = graph.producers()
    factors: Factors = {}
    steps: dict[str, tuple[float, int]] = {}
    for root in chosen.roots:
        name = behind_flatten(producers, root)
        act = producers.get(name)
        before = producers.get(act.input[0]) if act is not None else None
        behind = linear_consumers(graph, name)
        if act is None or act.op_type != "PRelu" or not behind or before is None:
            continue
        slope = graph.constants[act.input[1]].astype(np.float32).ravel()
        samples = ranges[act.input[0]].samples * np.float32(MARGIN)
        shifts = SHIFTS if may_shift(graph, act) else SHIFTS[:1]
        curves = _measure(samples, slope, shifts)
        factor, scale, shift = _choose(graph, name, behind[0], curves)
        steps[root] = (scale, shift)
        factors[before.output[0]] = tuple(factor.tolist())
        for tensor in (act.input[0], name):
            ranges[tensor] = ranges[tensor].scaled(1 / factor)
    divide_channels(graph, factors)
    scales = choose_scales(graph, chosen, ranges, "mse", skip=frozenset(steps))
    scales |= {root: scale for root, (scale, _) in steps.items()}
    return Balance(factors, scales, {root: shift for root, (_, shift) in steps.items() if shift})


def _measure(
    samples: NDArray[np.float32], slope: NDArray[np.float32], shifts: tuple[int, ...]
) -> _Curves:
    order = np.random.default_rng(0).permutation(len(samples))[:SAMPLES]
    x = samples[order]
    y = np.where(x > 0, x, slope * x)
    top = np.maximum(np.abs(samples).max(axis=0).astype(np.float64), 1e-6)
    errors: dict[int, list[Array]] = {shift: [] for shift in shifts}
    for share in SHARES:
        step = (share * top / STEPS).astype(np.float32)
        whole = np.rint(y / step)
        for shift in shifts:
            low = shift - STEPS - 1
            error = np.clip(whole, low, low + 255) * step - y
            errors[shift].append((error.astype(np.float64) ** 2).mean(axis=0))
    power = (y.astype(np.float64) ** 2).mean(axis=0)
    return _Curves(top, {k: np.stack(v, axis=1) for k, v in errors.items()}, power)


def _choose(
    graph: Graph, name: str, behind: onnx.NodeProto, curves: _Curves
) -> tuple[Array, float, int]:
    """Return factors, the scale and the shift with the least error in the next layer."""
    weight, _ = weights_of(graph, behind)
    mixes = not is_depthwise(graph, behind)
    heard = sensitivity(graph, name, len(curves.top))
    best: tuple[float, Array, float, int] | None = None
    for shift in curves.errors:
        logs = np.log(curves.best_steps(shift))
        middle = float(logs.mean())
        for strength in STRENGTHS if mixes else (1.0,):
            raw = np.exp(strength * (logs - middle))
            factor = np.array([float(f"{f:.{DIGITS}g}") for f in raw])
            lost = _lost_in_weights(weight, factor, curves.power) if mixes else 0.0
            for share in AROUND:
                scale = float(np.float32(np.exp(middle) * share))
                error = lost + float((heard * curves.at(shift, scale * factor)).sum())
                if best is None or error < best[0]:
                    best = (error, factor, scale, shift)
    assert best is not None
    return best[1:]


def _lost_in_weights(weight: Array, factor: Array, power: Array) -> float:
    """Return the squared error that rounding the weights makes once they hold the factors."""
    each = weight.reshape(len(weight), len(factor), -1) * factor[:, None]
    steps = np.abs(each).max(axis=(1, 2)) / STEPS
    return float((steps**2 / 12).sum() * (power / factor**2).sum() * each.shape[2])
