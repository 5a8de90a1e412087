"""Put an INT8 graph together from its float graph and the numbers that a calibration found.

The same numbers give the same bytes on every machine: only elementwise arithmetic and sums that are
exact before they are rounded, so that an INT8 file can be shipped as the text that makes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx

from calibration.quantise.equalise import divide_channels
from calibration.quantise.plan import plan
from calibration.quantise.prepare import prepare
from calibration.quantise.qdq import write_qdq

if TYPE_CHECKING:
    from collections.abc import Iterable

    from calibration.quantise.equalise import Factors


def assemble(
    fp32: bytes,
    factors: Factors,
    float_layers: Iterable[str],
    scales: dict[str, float],
    shifts: dict[str, int] | None = None,
) -> bytes:
    """Return the Q/DQ file.

    Args:
        fp32: the float ONNX graph, whose bytes were verified.
        factors: by the output of a Conv, by what its channels are divided.
        float_layers: names of the layers that stay in float.
        scales: of each tensor that has its own.
        shifts: by tensor, how many steps lower it is stored; see `take_steps`.
    """
    graph = prepare(onnx.load_from_string(fp32))
    divide_channels(graph, factors)
    model = write_qdq(graph, plan(graph, frozenset(float_layers)), scales, shifts=shifts)
    return bytes(model.SerializeToString(deterministic=True))
