"""Resemblyzer's speaker encoder out of its checkpoint, as an ONNX graph.

The network (Wan and others, "Generalized end-to-end loss for speaker verification", 2018): three
LSTM layers of 256, of whose last state a linear layer, a ReLU and a norm of 1 make an embedding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engines.errors import ModelShapeError
from engines.onnx_models.legacy_torch import read_checkpoint

if TYPE_CHECKING:
    from numpy.typing import NDArray

MELS, HIDDEN, LAYERS = 40, 256, 3
OPSET = 14


def voice_encoder(checkpoint: bytes) -> onnx.ModelProto:
    """Return the graph: `mel` float32 (N, frames, 40) to `embedding` (N, 256) of norm 1.

    Raises:
        ModelShapeError: the checkpoint is of another network.
    """
    state = read_checkpoint(checkpoint, "model_state")
    constants = [numpy_helper.from_array(np.array([1], np.int64), "one")]
    nodes = [helper.make_node("Transpose", ["mel"], ["x0"], perm=[1, 0, 2])]
    for layer in range(LAYERS):
        constants += _layer(state, layer)
        inputs = [f"x{layer}", f"w{layer}", f"r{layer}", f"b{layer}"]
        outputs = [f"y{layer}", f"h{layer}"]
        nodes.append(helper.make_node("LSTM", inputs, outputs, hidden_size=HIDDEN))
        nodes.append(helper.make_node("Squeeze", [f"y{layer}", "one"], [f"x{layer + 1}"]))
    weight = _take(state, "linear.weight", (HIDDEN, HIDDEN))
    bias = _take(state, "linear.bias", (HIDDEN,))
    constants += [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")]
    constants.append(numpy_helper.from_array(np.array([0], np.int64), "zero"))
    nodes[-1] = helper.make_node("Squeeze", [f"h{LAYERS - 1}", "zero"], ["state"])
    nodes.append(helper.make_node("Gemm", ["state", "weight", "bias"], ["linear"], transB=1))
    nodes.append(helper.make_node("Relu", ["linear"], ["active"]))
    nodes.append(helper.make_node("LpNormalization", ["active"], ["embedding"], axis=1, p=2))
    mel = helper.make_tensor_value_info("mel", TensorProto.FLOAT, ["N", "frames", MELS])
    out = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", HIDDEN])
    graph = helper.make_graph(nodes, "voice_encoder", [mel], [out], constants)
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opset, producer_name="tvradar")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model


def _layer(state: dict[str, NDArray[np.float32]], layer: int) -> list[onnx.TensorProto]:
    """Return the weights of one layer in ONNX's order of gates: input, output, forget, cell."""
    width, gates = MELS if layer == 0 else HIDDEN, 4 * HIDDEN
    w = _take(state, f"lstm.weight_ih_l{layer}", (gates, width))
    r = _take(state, f"lstm.weight_hh_l{layer}", (gates, HIDDEN))
    b = [_take(state, f"lstm.bias_{kind}_l{layer}", (gates,)) for kind in ("ih", "hh")]
    bias = np.concatenate([_reordered(one) for one in b])
    values = {"w": _reordered(w), "r": _reordered(r), "b": bias}
    return [numpy_helper.from_array(v[None], f"{name}{layer}") for name, v in values.items()]


def _reordered(stacked: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return gates of PyTorch's order (input, forget, cell, output) in ONNX's."""
    i, f, c, o = np.split(stacked, 4)
    return np.concatenate([i, o, f, c])


def _take(
    state: dict[str, NDArray[np.float32]], name: str, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    found = state.get(name)
    if found is None or found.shape != shape:
        have = "missing" if found is None else found.shape
        raise ModelShapeError(f"tensor {name!r}: {have}, expected {shape}")
    return found
