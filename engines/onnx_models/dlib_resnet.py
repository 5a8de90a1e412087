"""dlib's face recognition network out of the weights that face-api ships, as an ONNX graph.

The network (King, "High quality face recognition with deep metric learning", 2017) is a ResNet with
29 convolutions for faces of 150x150 px. face-api stores its weights in 8 bits with a scale for each
tensor, and its graph in code; this is that graph. The cut from the ArcFace chip to dlib's own is
part of it, so that the model plugs in wherever an aligned face is embedded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engines.errors import ModelShapeError
from engines.onnx_models.dequantise import FP32_OPSET

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE_PX = 150
MEAN_RGB = (122.782, 117.001, 104.298)
CUT_PX = (20, 6, 121, 107)
"""Top, left, bottom, right of dlib's chip in the 112x112 one: from dlib's mean positions of the
eyes with its padding of a quarter. Nine rows lie below the chip and repeat its last one."""
DIMENSION = 128
STAGES = (
    ("conv32_1", "conv32_2", "conv32_3"),
    ("conv64_down", "conv64_1", "conv64_2", "conv64_3"),
    ("conv128_down", "conv128_1", "conv128_2"),
    ("conv256_down", "conv256_1", "conv256_2", "conv256_down_out"),
)


class _Quantization(msgspec.Struct):
    dtype: str
    scale: float
    min: float


class _Weight(msgspec.Struct):
    name: str
    shape: tuple[int, ...]
    dtype: str
    quantization: _Quantization | None = None


class _Manifest(msgspec.Struct):
    weights: tuple[_Weight, ...]


def read_weights(stored: bytes, manifest: bytes) -> dict[str, NDArray[np.float32]]:
    """Return the tensors of a TensorFlow.js model by name.

    Raises:
        ModelShapeError: the manifest is not valid, or does not fit the bytes.
    """
    try:
        (group,) = msgspec.json.decode(manifest, type=list[_Manifest])
    except (msgspec.MsgspecError, ValueError) as error:
        raise ModelShapeError(f"weights manifest: {error}, expected one group") from error
    tensors, start = {}, 0
    for weight in group.weights:
        quantization = weight.quantization
        kind = np.dtype(quantization.dtype if quantization else weight.dtype)
        count = int(np.prod(weight.shape, dtype=np.int64))
        end = start + count * kind.itemsize
        if end > len(stored):
            raise ModelShapeError(f"{weight.name}: {len(stored)} bytes, expected {end} at least")
        values = np.frombuffer(stored, kind, count, start).reshape(weight.shape)
        values = values.astype(np.float32)
        if quantization:
            values = values * np.float32(quantization.scale) + np.float32(quantization.min)
        tensors[weight.name], start = values, end
    if start != len(stored):
        raise ModelShapeError(f"weights: {len(stored)} bytes, the manifest describes {start}")
    return tensors


def dlib_resnet(stored: bytes, manifest: bytes) -> onnx.ModelProto:
    """Return the graph: `data` float32 (N, 3, 112, 112) RGB, 0 to 255, to (N, 128).

    Raises:
        ModelShapeError: the weights are of another network.
    """
    builder = _Builder(read_weights(stored, manifest))
    x = builder.input_of("data")
    x = builder.convolve(x, "conv32_down", stride=2)
    x = builder.add("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2])
    for stage in STAGES:
        for block in stage:
            x = builder.residual(x, block, down="down" in block)
    x = builder.add("ReduceMean", [x], axes=[2, 3], keepdims=0)
    x = builder.add("MatMul", [x, builder.constant(builder.take("fc"))])
    return builder.finish(x)


class _Builder:
    """Adds nodes one after the other."""

    def __init__(self, tensors: dict[str, NDArray[np.float32]]) -> None:
        self._tensors = dict(tensors)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._channels: dict[str, int] = {}

    def take(self, name: str) -> NDArray[np.float32]:
        try:
            return self._tensors.pop(name)
        except KeyError:
            raise ModelShapeError(f"tensor {name!r}: is not among the weights") from None

    def constant(self, value: NDArray[np.float32] | NDArray[np.int64]) -> str:
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        name = f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def input_of(self, name: str) -> str:
        """Return dlib's chip, centred and scaled, of the input."""
        top, left, bottom, right = CUT_PX
        below = self.constant(np.array([0, 0, 0, 0, 0, 0, bottom - 112, 0], np.int64))
        x = self.add("Pad", [name, below], mode="edge")
        ends = [np.array(v, np.int64) for v in ([top, left], [bottom, right], [2, 3])]
        x = self.add("Slice", [x, *(self.constant(v) for v in ends)])
        side = np.float32(SIDE_PX / (bottom - top))
        scales = self.constant(np.array([1, 1, side, side], np.float32))
        x = self.add("Resize", [x, "", scales], mode="linear")
        mean = np.array(MEAN_RGB, np.float32).reshape(1, 3, 1, 1)
        x = self.add("Sub", [x, self.constant(mean)])
        return self.add("Div", [x, self.constant(np.array([255], np.float32))])

    def convolve(self, x: str, name: str, *, stride: int = 1, activate: bool = True) -> str:
        """Convolution, bias and scale as one, and a ReLU."""
        filters = self.take(f"{name}/conv/filters").transpose(3, 2, 0, 1)
        scale = self.take(f"{name}/scale/weights")
        bias = self.take(f"{name}/conv/bias") * scale + self.take(f"{name}/scale/biases")
        pad = 0 if stride == 2 else filters.shape[2] // 2
        out = self.add(
            "Conv",
            [x, self.constant(filters * scale[:, None, None, None]), self.constant(bias)],
            strides=[stride, stride],
            pads=[pad] * 4,
        )
        self._channels[out] = len(bias)
        if not activate:
            return out
        active = self.add("Relu", [out])
        self._channels[active] = len(bias)
        return active

    def residual(self, x: str, name: str, *, down: bool) -> str:
        """Two convolutions beside the input, or beside its mean over 2x2 where sizes halve."""
        before = self._channels.get(x, 32)
        y = self.convolve(x, f"{name}/conv1", stride=2 if down else 1)
        y = self.convolve(y, f"{name}/conv2", activate=False)
        after = self._channels[y]
        if down:
            x = self.add("AveragePool", [x], kernel_shape=[2, 2], strides=[2, 2])
            if after > before:
                more = np.array([0, 0, 0, 0, 0, after - before, 0, 0], np.int64)
                x = self.add("Pad", [x, self.constant(more)])
            y = self._grow(y, x)
        out = self.add("Relu", [self.add("Add", [x, y])])
        self._channels[out] = after
        return out

    def _grow(self, y: str, x: str) -> str:
        """Add zeros at bottom and right, where a valid convolution gives less than a mean."""
        shapes = (self.add("Shape", [v]) for v in (x, y))
        missing = self.add("Sub", list(shapes))
        zeros = self.constant(np.zeros(4, np.int64))
        return self.add("Pad", [y, self.add("Concat", [zeros, missing], axis=0)])

    def finish(self, output: str) -> onnx.ModelProto:
        if self._tensors:
            raise ModelShapeError(f"tensor {min(self._tensors)!r}: has no place in the network")
        faces = helper.make_tensor_value_info("data", TensorProto.FLOAT, ["N", 3, 112, 112])
        vector = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["N", DIMENSION])
        graph = helper.make_graph(self._nodes, "dlib_resnet", [faces], [vector], self._constants)
        opset = [helper.make_opsetid("", FP32_OPSET)]
        model = helper.make_model(graph, opset_imports=opset, producer_name="tvradar")
        model.ir_version = 8
        onnx.checker.check_model(model, full_check=True)
        return model
