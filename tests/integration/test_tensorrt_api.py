"""Every TensorRT name that the code uses exists in 10.3, 10.16 and 11.4: mypy against their API."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.conftest import Ran, tool

ROOT = Path(__file__).resolve().parents[2]
LEVELS = ("10.3.0", "10.16.1.11", "11.4.0.106")

# What 11.0 removed, what has another type, and what a guard permits.
REMOVED = """
import tensorrt as trt
def of(builder: trt.Builder, config: trt.IBuilderConfig, network: trt.INetworkDefinition) -> None:
    config.set_flag(trt.BuilderFlag.INT8)
    print(builder.platform_has_fast_int8)
    builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH))
    network.get_layer(0).precision = trt.float16
def of_engine(engine: trt.ICudaEngine, parser: trt.OnnxParser) -> None:
    print(engine.device_memory_size)
    parser.supports_model(b"")
class Calibrator(trt.IInt8EntropyCalibrator2):
    pass
"""
MISUSED = """
import tensorrt as trt
def of(context: trt.IExecutionContext) -> None:
    context.execute_async_v3()
    context.execute_async_v4(0)
"""
GUARDED = """
import tensorrt as trt
def of(config: trt.IBuilderConfig, engine: trt.ICudaEngine) -> int:
    if hasattr(trt.BuilderFlag, "FP16"):
        config.set_flag(trt.BuilderFlag.FP16)
    if hasattr(engine, "device_memory_size"):
        return int(engine.device_memory_size)
    return engine.device_memory_size_v2
"""


def check(level: str, *files: Path) -> Ran:
    ran = tool("tensorrt_api.py", "--level", level, *files)
    if ran.code == 77:
        pytest.skip(ran.out.strip())
    assert ran.code in (0, 1), ran.err
    return ran


@pytest.mark.parametrize("level", LEVELS)
def test_our_code_uses_only_names_that_exist(level: str) -> None:
    done = check(level)
    assert done.code == 0, done.out
    files = len(list((ROOT / "engines" / "tensorrt").glob("*.py")))
    assert f"{files} files, 0 errors" in done.out


def test_removed_names_pass_where_they_still_exist_and_fail_at_11(tmp_path: Path) -> None:
    (tmp_path / "removed.py").write_text(REMOVED)
    assert check("10.16.1.11", tmp_path / "removed.py").code == 0
    done = check("11.4.0.106", tmp_path / "removed.py")
    assert done.code == 1
    wrong = {int(line.split(":")[1]) for line in done.out.splitlines() if ": error:" in line}
    # Each use, and nothing else: lines of REMOVED, counted from 1.
    assert wrong == {4, 5, 6, 7, 9, 10, 11}


@pytest.mark.parametrize("level", LEVELS)
def test_wrong_signatures_and_unknown_names_fail(tmp_path: Path, level: str) -> None:
    (tmp_path / "misused.py").write_text(MISUSED)
    done = check(level, tmp_path / "misused.py")
    assert "misused.py:4: error" in done.out
    assert "misused.py:5: error" in done.out


@pytest.mark.parametrize("level", LEVELS)
def test_a_guard_permits_a_name_that_some_versions_lack(tmp_path: Path, level: str) -> None:
    (tmp_path / "guarded.py").write_text(GUARDED)
    done = check(level, tmp_path / "guarded.py")
    assert done.code == 0, done.out
