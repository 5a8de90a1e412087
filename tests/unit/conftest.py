"""A small network with every block that the models have, for all packages' tests."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 16


def small_network(seed: int = 0, *, batch: str | int = "N") -> onnx.ModelProto:
    """Sub, Mul, Conv, BN, PRelu, depthwise, PRelu, Conv, Relu, MaxPool, Resize, Add, Gemm."""
    random = np.random.default_rng(seed)
    constants = {
        "half": np.full((1,), 127.5, np.float32),
        "step": np.full((1,), 1 / 128, np.float32),
        "w1": random.normal(0, 0.4, (8, 3, 3, 3)),
        "gamma": random.uniform(0.5, 2, 8),
        "beta": random.normal(0, 0.3, 8),
        "mean": random.normal(0, 0.3, 8),
        "var": random.uniform(0.5, 2, 8),
        "a1": random.uniform(-0.5, 1.3, (8, 1, 1)),
        "w2": random.normal(0, 0.4, (8, 1, 3, 3)),
        "b2": random.normal(0, 0.2, 8),
        "a2": random.uniform(-0.5, 0.9, (8, 1, 1)),
        "w3": random.normal(0, 0.4, (16, 8, 1, 1)),
        "b3": random.normal(0, 0.2, 16),
        "w4": random.normal(0, 0.3, (16, 16, 1, 1)),
        "b4": random.normal(0, 0.2, 16),
        "w5": random.normal(0, 0.3, (16, 16, 1, 1)),
        "w6": random.normal(0, 0.1, (12, 16 * SIDE * SIDE)),
        "b6": random.normal(0, 0.1, 12),
    }
    factors = np.array([1, 1, 2, 2], np.float32)
    arrays = {k: np.asarray(v, np.float32) for k, v in constants.items()} | {"factors": factors}
    three = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Sub", ["data", "half"], ["t0"]),
        helper.make_node("Mul", ["t0", "step"], ["t1"]),
        helper.make_node("Conv", ["t1", "w1"], ["c1"], "conv1", **three),
        helper.make_node("BatchNormalization", ["c1", "gamma", "beta", "mean", "var"], ["n1"]),
        helper.make_node("PRelu", ["n1", "a1"], ["p1"], "act1"),
        helper.make_node("Conv", ["p1", "w2", "b2"], ["c2"], "conv2", group=8, **three),
        helper.make_node("PRelu", ["c2", "a2"], ["p2"], "act2"),
        helper.make_node("Conv", ["p2", "w3", "b3"], ["c3"], "conv3"),
        helper.make_node("Relu", ["c3"], ["r3"], "act3"),
        helper.make_node("MaxPool", ["r3"], ["m3"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["m3", "w4", "b4"], ["c4"], "conv4"),
        helper.make_node("Relu", ["c4"], ["r4"], "act4"),
        helper.make_node(
            "Resize",
            ["r4", "", "factors"],
            ["u4"],
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        ),
        helper.make_node("Add", ["r3", "u4"], ["s4"], "sum"),
        helper.make_node("Conv", ["s4", "w5"], ["c5"], "conv5"),
        helper.make_node("Relu", ["c5"], ["r5"], "act5"),
        helper.make_node("Flatten", ["r5"], ["f5"]),
        helper.make_node("Gemm", ["f5", "w6", "b6"], ["out"], "gemm", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, [batch, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [batch, 12])],
        [numpy_helper.from_array(v, k) for k, v in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model


def pictures(count: int, seed: int = 1) -> NDArray[np.float32]:
    """float32 (count, 3, 16, 16), whole grey levels 1 to 254, black border far from none."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (count, 3, 4, 4)).astype(np.float32)
    smooth = coarse.repeat(SIDE // 4, axis=2).repeat(SIDE // 4, axis=3)
    return np.clip(np.rint(smooth + random.normal(0, 12, smooth.shape)), 0, 255).astype(np.float32)


def run(model: onnx.ModelProto, data: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the output of a model."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(None, {session.get_inputs()[0].name: data})[0])


def cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 (n,), row by row."""
    return np.asarray(
        (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)), np.float32
    )


@pytest.fixture(scope="session")
def small() -> SimpleNamespace:
    """Return the functions of this module; importlib mode cannot import them."""
    return SimpleNamespace(network=small_network, pictures=pictures, run=run, cosines=cosines)
