"""What only a GPU can show. Run by hand on a Jetson: `tools/jetson_bench.sh`, or `pytest -m gpu`.

Not run on hardware yet: no figure and no result of these tests is claimed anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from engines.align import align
from engines.detector import YunetDetector
from engines.embedder import Embedder
from engines.fetch import fetch
from engines.onnxruntime_engine import OnnxRuntimeEngine
from engines.tensorrt import provision
from engines.tensorrt.bindings import require_tensorrt
from engines.tensorrt.build import BuildOptions, build_plan, detector_profiles, embedder_profiles
from engines.tensorrt.device import open_device
from engines.tensorrt.errors import PlanError, TensorRtMissingError
from engines.tensorrt.runtime import TensorRtEngine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from engines.tensorrt.device import Device

pytestmark = pytest.mark.gpu
pytest.importorskip("tensorrt", reason="no TensorRT: run on a Jetson by tools/jetson_bench.sh")

SIZES = ((640, 384),)


@pytest.fixture(scope="module", params=["cuda-python", "pycuda"])
def device(request: pytest.FixtureRequest) -> Iterator[Device]:
    try:
        opened = open_device(request.param)
    except TensorRtMissingError as error:
        pytest.skip(str(error))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def tensorrt() -> str:
    try:
        return require_tensorrt()
    except TensorRtMissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def plans(tensorrt: str) -> dict[str, bytes]:
    options = BuildOptions()
    yunet = provision.candidate("yunet", "fp16").onnx_path
    sface = provision.candidate("sface", "fp16").onnx_path
    return {
        "yunet": build_plan(yunet, detector_profiles(SIZES), options),
        "sface": build_plan(sface, embedder_profiles(), options),
    }


@pytest.fixture(scope="module")
def scene(data_dir: Path) -> NDArray[np.uint8]:
    bgr = cv2.imread(str(min((data_dir / "sitcom" / "scenes").glob("*.jpg"))))
    assert bgr is not None
    return np.asarray(bgr, np.uint8)


def test_detector_engine_equals_onnx_runtime(
    device: Device, plans: dict[str, bytes], scene: NDArray[np.uint8]
) -> None:
    engine = TensorRtEngine(plans["yunet"], device, precision="fp16", high_priority=True)
    canvas = np.zeros((384, 640, 3), np.uint8)
    shrunk = cv2.resize(scene, (640, 360), interpolation=cv2.INTER_AREA)
    canvas[:360] = shrunk
    expected = YunetDetector(OnnxRuntimeEngine(fetch("yunet"))).detect(canvas)
    for _ in range(3):  # without the graph, and with it
        found = YunetDetector(engine).detect(canvas)
        assert len(found) == len(expected)
        assert np.abs(found.landmarks_px - expected.landmarks_px).max() < 1
    engine.close()


def test_embedder_engine_equals_onnx_runtime(
    device: Device, plans: dict[str, bytes], scene: NDArray[np.uint8]
) -> None:
    engine = TensorRtEngine(plans["sface"], device, precision="fp16")
    faces = YunetDetector(OnnxRuntimeEngine(fetch("yunet"))).detect(scene)
    chips = align(scene, faces.landmarks_px)
    expected = Embedder(OnnxRuntimeEngine(fetch("sface"))).embed(chips).vectors
    found = Embedder(engine).embed(chips).vectors
    assert (found * expected).sum(axis=1).min() > 0.999
    engine.close()


def test_device_memory_does_not_grow_with_frames(
    device: Device, plans: dict[str, bytes], scene: NDArray[np.uint8]
) -> None:
    engine = TensorRtEngine(plans["sface"], device)
    chips = np.zeros((16, 3, 112, 112), np.float32)
    engine.run({"data": chips})
    before = device.free_bytes()
    for batch in [1, 4, 16, 7] * 50:
        engine.run({"data": chips[:batch]})
    assert before - device.free_bytes() < 8 << 20
    engine.close()


def test_a_foreign_plan_is_refused(tensorrt: str, device: Device, plans: dict[str, bytes]) -> None:
    with pytest.raises(PlanError):
        TensorRtEngine(plans["yunet"][:1000] + bytes(1000), device)
