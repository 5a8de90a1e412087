"""dlib's network: its stored weights are read whole, or refused."""

import json

import numpy as np
import pytest

from engines.errors import ModelShapeError
from engines.onnx_models.dlib_resnet import dlib_resnet, read_weights


def manifest(*weights: dict) -> bytes:
    return json.dumps([{"weights": weights, "paths": ["x.bin"]}]).encode()


PLAIN = {"name": "b", "shape": [2], "dtype": "float32"}
PACKED = {
    "name": "a",
    "shape": [2, 2],
    "dtype": "float32",
    "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1.0},
}
STORED = bytes([0, 1, 2, 255]) + np.array([3, 4], "<f4").tobytes()


def test_weights_in_eight_bits_and_in_full() -> None:
    found = read_weights(STORED, manifest(PACKED, PLAIN))
    np.testing.assert_array_equal(found["a"], [[-1, -0.5], [0, 126.5]])
    np.testing.assert_array_equal(found["b"], [3, 4])
    assert {value.dtype for value in found.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("stored", "described"),
    [
        (STORED[:-1], manifest(PACKED, PLAIN)),
        (STORED + b"1", manifest(PACKED, PLAIN)),
        (STORED, b"[]"),
        (STORED, b"{"),
        (STORED, b'[{"weights": [{"name": 1}]}]'),
    ],
)
def test_what_does_not_fit_is_refused(stored: bytes, described: bytes) -> None:
    with pytest.raises(ModelShapeError):
        read_weights(stored, described)


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(ModelShapeError, match="conv32_down"):
        dlib_resnet(STORED, manifest(PACKED, PLAIN))
