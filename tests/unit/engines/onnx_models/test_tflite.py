"""TensorFlow Lite's face mesh becomes the same network, and nothing else is taken for one."""

import cv2
import numpy as np
import pytest

from engines.catalog import find_model
from engines.errors import ModelShapeError
from engines.fetch import fetch
from engines.files import cache_dir
from engines.onnx_models.tflite import tflite_network
from engines.onnxruntime_engine import OnnxRuntimeEngine

NAMES = ("points", "presence")


@pytest.fixture(scope="module")
def stored() -> bytes:
    fetch("facemesh")
    path = cache_dir() / "sources" / find_model("facemesh").source.sha256
    if not path.is_file():
        pytest.skip("the file is not in the cache, the graph was shipped")
    return path.read_bytes()


def test_it_computes_what_opencv_does(stored: bytes) -> None:
    pixels = np.random.default_rng(0).random((1, 3, 192, 192), dtype=np.float32)
    found = OnnxRuntimeEngine(fetch("facemesh")).run({"input": pixels})
    network = cv2.dnn.readNetFromTFLite(np.frombuffer(stored, np.uint8))
    network.setInput(pixels)
    for name, theirs in (("points", "conv2d_21"), ("presence", "conv2d_31")):
        expected = network.forward(theirs).ravel()
        np.testing.assert_allclose(found[name].ravel(), expected, rtol=1e-4, atol=2e-3)


def test_a_damaged_file_is_refused(stored: bytes) -> None:
    for damaged in (b"", stored[:1000], stored[: len(stored) // 2], bytes(200)):
        with pytest.raises(ModelShapeError, match="face_mesh"):
            tflite_network(damaged, "face_mesh", NAMES)


def test_an_operator_that_is_not_known_is_refused(stored: bytes) -> None:
    """The last table of the file lists the operators' codes; a PRELU (54) becomes a TANH (28)."""
    code = stored.rfind(bytes([54]))
    with pytest.raises(ModelShapeError, match="operator 28"):
        tflite_network(stored[:code] + bytes([28]) + stored[code + 1 :], "face_mesh", NAMES)
