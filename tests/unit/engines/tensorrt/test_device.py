from __future__ import annotations

import subprocess
import sys

import pytest

from engines.tensorrt.bindings import backend_name, build_command, rtx_in_use, use_rtx
from engines.tensorrt.device import open_device
from engines.tensorrt.errors import TensorRtMissingError


def test_without_a_binding_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cuda", "cuda.bindings", "pycuda", "pycuda.driver"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(TensorRtMissingError, match="pip install cuda-bindings") as missing:
        open_device()
    assert missing.value.exit_code == 3
    with pytest.raises(TensorRtMissingError, match="'opencl': unknown"):
        open_device("opencl")


def test_heavy_modules_stay_unimported() -> None:
    modules = ("bindings", "build", "device", "load", "provision", "runtime")
    code = f"""
import sys
for name in {modules}:
    __import__("engines.tensorrt." + name)
heavy = {{"tensorrt", "cuda", "pycuda", "jetson_utils", "polygraphy"}}
print(sorted(heavy & {{name.partition(".")[0] for name in sys.modules}}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_tensorrt_rtx_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)
    with pytest.raises(TensorRtMissingError, match="pip install tensorrt-rtx") as missing:
        use_rtx()
    assert missing.value.exit_code == 3
    assert (rtx_in_use(), backend_name(), build_command()) == (
        False,
        "tensorrt",
        "tvradar engines build",
    )
