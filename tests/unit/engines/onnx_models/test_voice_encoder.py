"""Resemblyzer's checkpoint: read without PyTorch, the same network as ONNX, or refused."""

import os
import pickle
import struct
from collections import OrderedDict

import numpy as np
import onnxruntime as ort
import pytest

from engines.catalog import find_model
from engines.errors import ModelShapeError
from engines.fetch import fetch
from engines.files import cache_dir
from engines.onnx_models.legacy_torch import MAGIC, read_checkpoint
from engines.onnx_models.voice_encoder import voice_encoder


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def by_numpy(state: dict, mel: np.ndarray) -> np.ndarray:
    x = mel.astype(np.float64)
    for layer in range(3):
        w, r, b, c = (
            state[f"lstm.{kind}_l{layer}"]
            for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        hidden = cell = np.zeros((len(x), 256))
        outputs = []
        for t in range(x.shape[1]):
            i, f, g, o = np.split(x[:, t] @ w.T + hidden @ r.T + b + c, 4, axis=1)
            cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
            hidden = sigmoid(o) * np.tanh(cell)
            outputs.append(hidden)
        x = np.stack(outputs, axis=1)
    raw = np.maximum(hidden @ state["linear.weight"].T + state["linear.bias"], 0)
    return raw / np.linalg.norm(raw, axis=1, keepdims=True)


def test_the_graph_is_the_network() -> None:
    path = fetch("resemblyzer")
    source = cache_dir() / "sources" / find_model("resemblyzer").source.sha256
    if not source.is_file():
        pytest.skip("the checkpoint is not in the cache, the graph was shipped")
    data = source.read_bytes()
    assert voice_encoder(data).SerializeToString(deterministic=True) == path.read_bytes()
    mel = np.random.default_rng(0).exponential(0.02, (2, 24, 40)).astype(np.float32)
    (found,) = ort.InferenceSession(str(path)).run(None, {"mel": mel})
    wanted = by_numpy(read_checkpoint(data, "model_state"), mel)
    np.testing.assert_allclose(found, wanted, atol=2e-6)


class _Asks:
    def __init__(self, what: object, *args: object) -> None:
        self.what, self.args = what, args

    def __reduce__(self) -> tuple:
        return self.what, self.args


def checkpoint(held: object, *, magic: int = MAGIC, keys: tuple = ()) -> bytes:
    return b"".join(pickle.dumps(x, 2) for x in (magic, 1001, {}, held, list(keys)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04",
        checkpoint({"model_state": OrderedDict()}, magic=7),
        checkpoint({"other": 1}),
        checkpoint({"model_state": 3}),
        checkpoint({"model_state": OrderedDict()}, keys=("0",)),  # and no bytes
    ],
)
def test_what_is_no_checkpoint_is_refused(data: bytes) -> None:
    with pytest.raises(ModelShapeError):
        read_checkpoint(data, "model_state")


def test_a_checkpoint_that_asks_for_code_is_refused(tmp_path) -> None:
    made = tmp_path / "made"
    with pytest.raises(ModelShapeError, match="system"):
        read_checkpoint(checkpoint(_Asks(os.system, f"touch {made}")), "model_state")
    assert not made.exists()


def test_another_network_is_refused() -> None:
    with pytest.raises(ModelShapeError, match="weight_ih_l0"):
        voice_encoder(checkpoint({"model_state": OrderedDict()}) + struct.pack("<q", 0))
