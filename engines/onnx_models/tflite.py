"""A TensorFlow Lite network of plain convolutions, as an ONNX graph.

The file is a FlatBuffer; the few tables that are needed are read by their numbers in the schema of
TensorFlow Lite (Apache-2.0), so that no reader has to be installed. It knows the operators that
MediaPipe's face mesh has; any other is refused.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engines.errors import ModelShapeError
from engines.onnx_models.dequantise import FP32_OPSET

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Added = tuple[str, list[str], dict[str, Any]]

ADD, CONV, DEPTHWISE, DEQUANTIZE, MAX_POOL, PAD, PRELU = 0, 3, 4, 6, 17, 34, 54
KINDS = {0: "<f4", 1: "<f2", 2: "<i4"}
SAME = 0


class _Table:
    """A table of a FlatBuffer; fields are asked for by their number in the schema."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at
        self._fields = at - struct.unpack_from("<i", data, at)[0]
        self._size = struct.unpack_from("<H", data, self._fields)[0]

    def number(self, field: int, kind: str = "<i", default: int = 0) -> int:
        place = self._place(field)
        return int(struct.unpack_from(kind, self._data, place)[0]) if place else default

    def table(self, field: int) -> _Table:
        return _Table(self._data, self._target(self._place(field)))

    def tables(self, field: int) -> list[_Table]:
        start, count = self._vector(field)
        places = range(start, start + 4 * count, 4)
        return [_Table(self._data, self._target(place)) for place in places]

    def array(self, field: int, kind: str = "<i4") -> NDArray[Any]:
        start, count = self._vector(field)
        return np.frombuffer(self._data, kind, count, start)

    def _place(self, field: int) -> int:
        entry = 4 + 2 * field
        if entry >= self._size:
            return 0
        offset = struct.unpack_from("<H", self._data, self._fields + entry)[0]
        return self._at + offset if offset else 0

    def _target(self, place: int) -> int:
        return place + int(struct.unpack_from("<I", self._data, place)[0])

    def _vector(self, field: int) -> tuple[int, int]:
        place = self._place(field)
        if not place:
            return 0, 0
        start = self._target(place)
        return start + 4, int(struct.unpack_from("<I", self._data, start)[0])


@dataclass(frozen=True)
class _Tensor:
    name: str
    shape: tuple[int, ...]
    value: NDArray[Any] | None


def tflite_network(stored: bytes, name: str, outputs: tuple[str, ...]) -> onnx.ModelProto:
    """Return the graph: `input` float32 (N, 3, H, W) to the outputs, each (N, channels).

    Args:
        stored: a file of TensorFlow Lite with float weights of 16 or 32 bits.
        name: of the graph.
        outputs: what its outputs are called, in their order.

    Raises:
        ModelShapeError: the file is damaged, or has operators that are not known here.
    """
    try:
        return _Builder(_Table(stored, struct.unpack_from("<I", stored)[0])).build(name, outputs)
    except (struct.error, ValueError, IndexError, KeyError, TypeError) as error:
        raise ModelShapeError(
            f"{name}: {error!r}, expected a file of TensorFlow Lite with float convolutions"
        ) from error


class _Builder:
    """Adds nodes in the order of the file, which is the order in which they run."""

    def __init__(self, model: _Table) -> None:
        (self._graph,) = model.tables(2)
        codes = model.tables(1)
        self._codes = [max(c.number(0, "<b"), c.number(3)) for c in codes]
        self._tensors = [_tensor(t, model.tables(4)) for t in self._graph.tables(0)]
        self._values = {i: t.value for i, t in enumerate(self._tensors) if t.value is not None}
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._names: dict[int, str] = {}

    def build(self, name: str, outputs: tuple[str, ...]) -> onnx.ModelProto:
        (first,) = self._graph.array(1).tolist()
        last = self._graph.array(2).tolist()
        self._names[first] = "input"
        for operator in self._graph.tables(3):
            self._add(operator)
        for index, called in zip(last, outputs, strict=True):
            self._nodes.append(helper.make_node("Flatten", [self._names[index]], [called], axis=1))
        height, width, channels = self._tensors[first].shape[1:]
        taken = helper.make_tensor_value_info(
            "input", TensorProto.FLOAT, ["N", channels, height, width]
        )
        given = [
            helper.make_tensor_value_info(
                called, TensorProto.FLOAT, ["N", math.prod(self._tensors[i].shape)]
            )
            for i, called in zip(last, outputs, strict=True)
        ]
        constants = list(self._constants.values())
        graph = helper.make_graph(self._nodes, name, [taken], given, constants)
        opset = [helper.make_opsetid("", FP32_OPSET)]
        made = helper.make_model(graph, opset_imports=opset, producer_name="tvradar")
        made.ir_version = 8
        onnx.checker.check_model(made, full_check=True)
        return made

    def _add(self, operator: _Table) -> None:
        code = self._codes[operator.number(0, "<I")]
        taken, (made,) = operator.array(1).tolist(), operator.array(2).tolist()
        if code == DEQUANTIZE:
            self._values[made] = self._values[taken[0]].astype(np.float32)
            return
        known: dict[int, Callable[[_Table, list[int]], Added]] = {
            CONV: self._convolve,
            DEPTHWISE: self._convolve_channels,
            MAX_POOL: self._pool,
            PAD: self._pad,
            PRELU: self._prelu,
            ADD: self._sum,
        }
        if code not in known:
            raise ValueError(f"operator {code}")
        kind, inputs, attributes = known[code](operator, taken)
        self._names[made] = f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [self._names[made]], **attributes))

    def _convolve(self, operator: _Table, taken: list[int]) -> Added:
        return self._convolution(operator, taken, (0, 3, 1, 2), activation=3, groups=1)

    def _convolve_channels(self, operator: _Table, taken: list[int]) -> Added:
        groups = self._values[taken[1]].shape[3]
        return self._convolution(operator, taken, (3, 0, 1, 2), activation=4, groups=groups)

    def _convolution(
        self,
        operator: _Table,
        taken: list[int],
        order: tuple[int, ...],
        *,
        activation: int,
        groups: int,
    ) -> Added:
        options = operator.table(4)
        _refuse_activation(options.number(activation, "<b"))
        weights = self._values[taken[1]].transpose(order)
        steps = [options.number(2), options.number(1)]
        pads = self._pads(taken[0], options.number(0, "<b"), steps, weights.shape[2:])
        inputs = [self._names[taken[0]], self._constant(weights), self._constant_of(taken[2])]
        return "Conv", inputs, {"strides": steps, "pads": pads, "group": groups}

    def _pool(self, operator: _Table, taken: list[int]) -> Added:
        options = operator.table(4)
        _refuse_activation(options.number(5, "<b"))
        steps, kernel = ([options.number(b), options.number(a)] for a, b in ((1, 2), (3, 4)))
        pads = self._pads(taken[0], options.number(0, "<b"), steps, tuple(kernel))
        attributes = {"kernel_shape": kernel, "strides": steps, "pads": pads}
        return "MaxPool", [self._names[taken[0]]], attributes

    def _pad(self, _operator: _Table, taken: list[int]) -> Added:
        widths = self._values[taken[1]][[0, 3, 1, 2]]
        return "Pad", [self._names[taken[0]], self._constant(widths.T.ravel().astype(np.int64))], {}

    def _prelu(self, _operator: _Table, taken: list[int]) -> Added:
        slopes = self._values[taken[1]].reshape(-1, 1, 1)
        return "PRelu", [self._names[taken[0]], self._constant(slopes)], {}

    def _sum(self, operator: _Table, taken: list[int]) -> Added:
        _refuse_activation(operator.table(4).number(0, "<b"))
        return "Add", [self._names[i] for i in taken], {}

    def _pads(
        self, tensor: int, padding: int, steps: list[int], kernel: tuple[int, ...]
    ) -> list[int]:
        """Return what TensorFlow pads: at the end one more than at the beginning, if it is odd."""
        if padding != SAME:
            return [0, 0, 0, 0]
        before, after = [], []
        for side, step, width in zip(self._tensors[tensor].shape[1:3], steps, kernel, strict=True):
            missing = max((math.ceil(side / step) - 1) * step + width - side, 0)
            before.append(missing // 2)
            after.append(missing - missing // 2)
        return before + after

    def _constant_of(self, tensor: int) -> str:
        return self._constant(self._values[tensor])

    def _constant(self, value: NDArray[Any]) -> str:
        name = f"c{len(self._constants)}"
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name


def _tensor(table: _Table, buffers: list[_Table]) -> _Tensor:
    shape = tuple(table.array(0).tolist())
    stored = buffers[table.number(2, "<I")].array(0, "u1")
    value = None
    if stored.size:
        value = stored.view(KINDS[table.number(1, "<b")]).reshape(shape)
    return _Tensor(table.array(3, "S1").tobytes().decode(), shape, value)


def _refuse_activation(code: int) -> None:
    if code:
        raise ValueError(f"activation {code} after an operator")
