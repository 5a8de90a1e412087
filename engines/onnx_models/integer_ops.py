"""The form of a Q/DQ graph that ONNX Runtime runs in integers; the file stays as it is.

A Q/DQ file says Conv -> PRelu -> Q, as TensorRT wants it. ONNX Runtime fuses a Conv only with a Q
right behind it, so it would run such a block in float. Here the blocks become what ONNX Runtime
has kernels for, with the same scales and so the same integers: QLinearConv in NHWC, and PRelu as
max(x, a x), each side a convolution of its own so that nothing is rounded before PRelu. On x86 the
signed values are stored with an offset of 128 as uint8, since that is what its multiply-add
instructions take: ten times as fast as int8 times int8.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx
from onnx import helper, shape_inference

from engines.onnx_models.graph import Graph, attributes, integer

if TYPE_CHECKING:
    from numpy.typing import NDArray

MICROSOFT = "com.microsoft"
TO_NHWC, TO_NCHW = [0, 2, 3, 1], [0, 3, 1, 2]
FLAT = 1e-3
"""A slope below this is taken for this: a scale of zero has no inverse, and it is a fifth of a step
at most."""


class Offsets(NamedTuple):
    """What is added to signed values for storage: 0 (int8) or 128 (uint8)."""

    data: int
    weight: int


def machine_offsets() -> Offsets:
    """Return the storage that this processor multiplies fastest without saturating.

    x86 with VNNI: uint8 times int8. x86 without: its instruction for that pair saturates in 16
    bits, so uint8 times uint8. Others (ARM): int8 times int8.
    """
    if platform.machine() not in ("x86_64", "AMD64"):
        return Offsets(0, 0)
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        flags = ""
    return Offsets(128, 0 if "avx512_vnni" in flags or "avx_vnni" in flags else 128)


@dataclass(frozen=True)
class _Quantized:
    """A quantized tensor: its name (NHWC if it has four axes), its scale, its rank."""

    name: str
    scale: float
    rank: int


class _Layer(NamedTuple):
    """A convolution: int8 weight, a scale per output, float64 bias in the output's unit."""

    weight: NDArray[np.int8]
    scales: NDArray[np.float32]
    bias: NDArray[np.float64]


class UnknownFormError(Exception):
    """The graph is not of the form that this module knows; run it as it is."""


def integer_form(model: onnx.ModelProto, offsets: Offsets) -> onnx.ModelProto:
    """Return a model with the same inputs and outputs that computes in integers.

    Raises:
        UnknownFormError: the graph has no Q/DQ, or a tensor's shape cannot be told.
    """
    return _Lowering(model, offsets).run()


class _Lowering:
    def __init__(self, model: onnx.ModelProto, offsets: Offsets) -> None:
        inferred = shape_inference.infer_shapes(model)
        self._shapes = {
            v.name: [d.dim_value for d in v.type.tensor_type.shape.dim]
            for v in [*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output]
        }
        self._source = Graph.of(model)
        self._offsets = offsets
        self._consumers, self._producers = self._source.consumers(), self._source.producers()
        self._outputs = self._source.output_names()
        self._out = Graph(
            [],
            dict(self._source.constants),
            self._source.inputs,
            self._source.outputs,
            {**self._source.domains, MICROSOFT: 1},
        )
        self._quantized: dict[str, _Quantized] = {}
        self._weights: dict[str, tuple[NDArray[np.int8], NDArray[np.float32]]] = {}
        self._floats: set[str] = set()
        self._done: set[int] = set()

    def run(self) -> onnx.ModelProto:
        """Translate node by node; blocks that are known as a whole, the rest in float."""
        if not any(n.op_type == "QuantizeLinear" for n in self._source.nodes):
            raise UnknownFormError("no QuantizeLinear: a float graph")
        known = {
            "QuantizeLinear": self._quantize,
            "DequantizeLinear": self._dequantize,
            "Conv": self._conv,
            "Gemm": self._gemm,
            "MaxPool": self._pool,
            "Resize": self._resize,
            "Add": self._add,
        }
        for node in self._source.nodes:
            if id(node) not in self._done and not known.get(node.op_type, _never)(node):
                self._float(node)
        return self._out.model(check=False)

    # --- what a tensor is -------------------------------------------------------------------

    def _constant(self, name: str, value: NDArray[np.generic]) -> str:
        self._out.constants[name] = value
        return name

    def _scale(self, value: float) -> str:
        single = np.float32(value)
        return self._constant(f"scale {single!r}", np.array(single))

    @property
    def _zero(self) -> str:
        offset = self._offsets.data
        return self._constant("offset", np.array(offset, np.uint8 if offset else np.int8))

    def _emit(
        self, kind: str, inputs: list[str], output: str, *, domain: str = "", **options: Any
    ) -> str:
        self._out.nodes.append(
            helper.make_node(kind, inputs, [output], output, domain=domain, **options)
        )
        return output

    def _only_reader(self, name: str) -> onnx.NodeProto | None:
        readers = self._consumers.get(name, [])
        return readers[0] if len(readers) == 1 and name not in self._outputs else None

    def _ending(self, name: str, kinds: tuple[str, ...]) -> list[onnx.NodeProto] | None:
        """Return the nodes from a tensor to the Q behind it, if only these kinds are between."""
        chain: list[onnx.NodeProto] = []
        while (reader := self._only_reader(name)) is not None:
            chain.append(reader)
            if reader.op_type == "QuantizeLinear":
                return chain
            if reader.op_type not in kinds:
                return None
            name = reader.output[0]
        return None

    def _scale_of(self, node: onnx.NodeProto) -> float:
        zero = self._source.constants.get(node.input[2]) if len(node.input) > 2 else None
        scale = self._source.constants.get(node.input[1])
        if scale is None or scale.size != 1 or zero is None or zero.dtype != np.int8 or zero.any():
            raise UnknownFormError(f"{node.name}: not one scale with an int8 zero point of 0")
        return float(scale.ravel()[0])

    def _publish(self, chain: list[onnx.NodeProto], name: str, rank: int) -> None:
        quantize = chain[-1]
        self._done.update(id(n) for n in chain)
        self._quantized[quantize.output[0]] = _Quantized(name, self._scale_of(quantize), rank)

    # --- Q and DQ ---------------------------------------------------------------------------

    def _quantize(self, node: onnx.NodeProto) -> bool:
        name, scale = node.input[0], self._scale_of(node)
        shape = self._shapes.get(name)
        if shape is None:
            raise UnknownFormError(f"{name}: shape unknown")
        self._materialise(name)
        stored = self._emit("QuantizeLinear", [name, self._scale(scale), self._zero], f"{name} int")
        if len(shape) == 4:
            stored = self._emit("Transpose", [stored], f"{name} nhwc", perm=TO_NHWC)
        self._publish([node], stored, len(shape))
        return True

    def _dequantize(self, node: onnx.NodeProto) -> bool:
        stored = self._source.constants.get(node.input[0])
        if stored is None:
            self._quantized[node.output[0]] = self._quantized[node.input[0]]
            return True
        scale = self._source.constants[node.input[1]].astype(np.float32)
        if stored.dtype != np.int8 or integer(node, "axis", 1) != 0 or scale.ndim != 1:
            raise UnknownFormError(f"{node.name}: not an int8 weight with a scale per output")
        self._weights[node.output[0]] = (stored.astype(np.int8), scale)
        return True

    def _materialise(self, name: str) -> None:
        """Make sure that a tensor exists in float, in the axis order of the file."""
        if name in self._floats:
            return
        if name in self._weights:
            self._floats.add(name)
            stored, scale = self._weights[name]
            shape = (-1, *[1] * (stored.ndim - 1))
            self._constant(name, stored.astype(np.float32) * scale.reshape(shape))
        elif name in self._quantized:
            self._floats.add(name)
            value = self._quantized[name]
            stored_name = value.name
            if value.rank == 4:
                stored_name = self._emit("Transpose", [stored_name], f"{name} nchw", perm=TO_NCHW)
            self._emit(
                "DequantizeLinear", [stored_name, self._scale(value.scale), self._zero], name
            )

    def _float(self, node: onnx.NodeProto) -> None:
        for name in node.input:
            self._materialise(name)
        self._out.nodes.append(node)

    # --- blocks -----------------------------------------------------------------------------

    def _conv(self, node: onnx.NodeProto) -> bool:
        data, weight = (self._quantized.get(node.input[0]), self._weights.get(node.input[1]))
        chain = self._ending(node.output[0], ("Relu", "PRelu", "Sub", "Flatten"))
        if data is None or weight is None or chain is None:
            return False
        if any(not self._fits(n) for n in chain):
            return False
        name = self._convolve(node, data, weight, chain)
        rank = 4
        for inner in chain[:-1]:
            if inner.op_type == "Relu":
                name = self._emit("Max", [name, self._zero], f"{inner.output[0]} int")
            elif inner.op_type == "Flatten":
                name = self._emit("Transpose", [name], f"{name} nchw", perm=TO_NCHW)
                name, rank = self._emit("Flatten", [name], f"{inner.output[0]} int", axis=1), 2
        self._publish(chain, name, rank)
        return True

    def _convolve(
        self,
        node: onnx.NodeProto,
        data: _Quantized,
        weight: tuple[NDArray[np.int8], NDArray[np.float32]],
        chain: list[onnx.NodeProto],
    ) -> str:
        """Convolve once; for PRelu, which is max(x, a x) for slopes a <= 1, once for each side."""
        stored, scales = weight
        behind = {n.op_type: n for n in chain}
        bias = self._real_bias(node, len(scales))
        taken = 0.0
        if "Sub" in behind:
            taken = float(self._source.constants[behind["Sub"].input[1]].ravel()[0])
        made = _Layer(stored, scales, bias - taken)
        name = self._qlinear(node, data, made, self._scale_of(chain[-1]), node.output[0])
        if "PRelu" not in behind:
            return name
        slope = self._source.constants[behind["PRelu"].input[1]].astype(np.float64).ravel()
        slope = np.where(np.abs(slope) < FLAT, FLAT, slope)
        turned = np.where(slope < 0, -1, 1).reshape(-1, *[1] * (stored.ndim - 1))
        below = _Layer(
            (stored * turned).astype(np.int8),
            (scales * np.abs(slope)).astype(np.float32),
            bias * slope - taken,
        )
        output = behind["PRelu"].output[0]
        other = self._qlinear(node, data, below, self._scale_of(chain[-1]), f"{output} ax")
        return self._emit("Max", [name, other], f"{output} int")

    def _qlinear(
        self, node: onnx.NodeProto, data: _Quantized, layer: _Layer, scale: float, name: str
    ) -> str:
        options = {
            k: v
            for k, v in attributes(node).items()
            if k in ("dilations", "group", "kernel_shape", "pads", "strides")
        }
        return self._emit(
            "QLinearConv",
            [
                *(data.name, self._scale(data.scale), self._zero),
                *self._stored_weight(name, layer.weight, layer.scales),
                *(self._scale(scale), self._zero),
                self._bias(name, layer.bias, data.scale * layer.scales),
            ],
            f"{name} int",
            domain=MICROSOFT,
            channels_last=1,
            **options,
        )

    def _fits(self, node: onnx.NodeProto) -> bool:
        if node.op_type == "Flatten":
            return integer(node, "axis", 1) == 1
        if node.op_type == "Sub":  # only behind PRelu: see `calibration/quantise/shift.py`
            before = self._producers.get(node.input[0])
            taken = self._source.constants.get(node.input[1])
            known = taken is not None and taken.size == 1
            return known and before is not None and before.op_type == "PRelu"
        if node.op_type != "PRelu":
            return True
        slope = self._source.constants.get(node.input[1])
        return (
            slope is not None
            and slope.shape[1:] == (1, 1)
            and bool((slope.astype(np.float32) <= 1).all())
        )

    def _stored_weight(
        self, name: str, stored: NDArray[np.int8], scales: NDArray[np.float32]
    ) -> list[str]:
        offset = self._offsets.weight
        dtype = np.uint8 if offset else np.int8
        return [
            self._constant(f"{name} w", (stored.astype(np.int16) + offset).astype(dtype)),
            self._constant(f"{name} ws", scales),
            self._constant(f"{name} wz", np.full(len(scales), offset, dtype)),
        ]

    def _real_bias(self, node: onnx.NodeProto, outputs: int) -> NDArray[np.float64]:
        if len(node.input) > 2 and node.input[2]:
            return self._source.constants[node.input[2]].astype(np.float64)
        return np.zeros(outputs)

    def _bias(self, name: str, bias: NDArray[np.float64], scales: NDArray[np.float32]) -> str:
        steps = np.clip(np.rint(bias / scales.astype(np.float64)), -(2**31), 2**31 - 1)
        return self._constant(f"{name} b", steps.astype(np.int32))

    def _gemm(self, node: onnx.NodeProto) -> bool:
        data, weight = (self._quantized.get(node.input[0]), self._weights.get(node.input[1]))
        options = attributes(node)
        plain = options.get("alpha", 1.0) == 1.0 == options.get("beta", 1.0)
        if data is None or weight is None or not options.get("transB") or not plain:
            return False
        stored, scales = weight
        bias = self._real_bias(node, len(scales))
        self._emit(
            "QGemm",
            [
                *(data.name, self._scale(data.scale), self._zero),
                *self._stored_weight(node.output[0], np.ascontiguousarray(stored.T), scales),
                self._bias(node.output[0], bias, data.scale * scales),
            ],
            node.output[0],
            domain=MICROSOFT,
        )
        return True

    def _pool(self, node: onnx.NodeProto) -> bool:
        data, chain = self._quantized.get(node.input[0]), self._ending(node.output[0], ())
        if data is None or chain is None or self._scale_of(chain[-1]) != data.scale:
            return False
        options = {k: v for k, v in attributes(node).items() if k != "storage_order"}
        name = self._emit(
            "NhwcMaxPool", [data.name], f"{node.output[0]} int", domain=MICROSOFT, **options
        )
        self._publish(chain, name, 4)
        return True

    def _resize(self, node: onnx.NodeProto) -> bool:
        data, chain = self._quantized.get(node.input[0]), self._ending(node.output[0], ())
        if data is None or chain is None or self._scale_of(chain[-1]) != data.scale:
            return False
        factors = self._source.constants.get(node.input[2]) if len(node.input) == 3 else None
        if attributes(node).get("mode") != b"nearest" or factors is None or factors.size != 4:
            return False
        name = f"{node.output[0]} factors"
        self._constant(name, factors.astype(np.float32)[TO_NHWC])
        stored = self._emit(
            "Resize", [data.name, "", name], f"{node.output[0]} int", **attributes(node)
        )
        self._publish(chain, stored, 4)
        return True

    def _add(self, node: onnx.NodeProto) -> bool:
        sides, chain = (
            [self._quantized.get(n) for n in node.input],
            self._ending(node.output[0], ()),
        )
        if chain is None or None in sides:
            return False
        inputs = []
        for side in sides:
            assert side is not None
            inputs += [side.name, self._scale(side.scale), self._zero]
        inputs += [self._scale(self._scale_of(chain[-1])), self._zero]
        name = self._emit("QLinearAdd", inputs, f"{node.output[0]} int", domain=MICROSOFT)
        self._publish(chain, name, 4)
        return True


def _never(_node: onnx.NodeProto) -> bool:
    return False
