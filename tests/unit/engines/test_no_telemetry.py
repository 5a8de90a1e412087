"""The inference library must not report to its maker: no file of its own, no connection."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SESSION = """
import time
import numpy as np
from {module} import *
import onnx, onnxruntime
from onnx import TensorProto, helper
value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1])
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [value("x")], [value("y")])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
session = onnxruntime.InferenceSession(model.SerializeToString())
session.run(None, {{"x": np.ones(1, np.float32)}})
time.sleep(0.3)
"""


@pytest.mark.parametrize("module", ["engines.onnxruntime_engine", "calibration.gate.gate"])
def test_a_session_leaves_nothing_behind(module: str, tmp_path: Path) -> None:
    # The library keeps quiet by itself where CI is set, so that must not be what is tested.
    environment = {k: v for k, v in os.environ.items() if k not in {"CI", "ORT_DISABLE_TELEMETRY"}}
    subprocess.run(
        [sys.executable, "-c", SESSION.format(module=module)],
        env={**environment, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")},
        check=True,
        timeout=60,
    )
    assert list(tmp_path.rglob("*")) == []
