"""Which runtime is taken, and what the status says about it, on a machine without a GPU."""

import numpy as np
import pytest

from engines.detections import Detections
from engines.detector import YunetDetector
from engines.embedder import Embeddings
from engines.errors import EngineError
from engines.fetch import fetch
from engines.onnxruntime_engine import OnnxRuntimeEngine
from engines.pipeline import FacePipeline, load_pipeline, unit
from engines.tensorrt.errors import TensorRtMissingError


def test_without_tensorrt_auto_takes_onnx_runtime_and_says_why() -> None:
    pipeline = load_pipeline(precision="fp32", backend="auto")
    assert pipeline.kinds == ("detector: onnxruntime fp32", "embedder: onnxruntime fp32")
    assert pipeline.why.startswith("TensorRT: not available: tensorrt: not importable (")
    pipeline.activate()
    pipeline.close()
    pipeline.close()


def test_without_tensorrt_asking_for_it_ends_with_three() -> None:
    with pytest.raises(TensorRtMissingError, match="on a Jetson it comes with JetPack") as refused:
        load_pipeline(backend="tensorrt")
    assert isinstance(refused.value, EngineError)
    assert refused.value.exit_code == 3


def test_the_cpu_is_the_default_of_commands_that_make_galleries() -> None:
    assert load_pipeline(precision="fp32").why == "ONNX Runtime was asked for"


@pytest.mark.parametrize(("score", "faces"), [(0.63, 2), (0.57, 1)])
def test_a_still_has_the_faces_that_the_detector_is_sure_of(score: float, faces: int) -> None:
    pipeline = load_pipeline(precision="fp32")
    landmarks = np.array([[[30, 40], [60, 40], [45, 55], [33, 70], [57, 70]]] * 2, np.float32)
    box = np.array([[20, 20, 70, 90]] * 2, np.float32)

    class Told(YunetDetector):
        def detect_pyramid(self, bgr: np.ndarray) -> Detections:  # noqa: ARG002
            return Detections(box, np.array([0.95, score], np.float32), landmarks)

    pipeline.detector = Told(OnnxRuntimeEngine(fetch("yunet")))
    found = pipeline.still(np.zeros((100, 100, 3), np.uint8))
    assert len(found.faces) == faces


@pytest.mark.parametrize(("colour", "views"), [(False, 6), (True, 12)])
def test_a_picture_without_colour_has_half_the_views(views: int, *, colour: bool) -> None:
    class Counted:
        def embed(self, chips: np.ndarray) -> Embeddings:
            self.count = len(chips)
            flat = chips.reshape(len(chips), -1).astype(np.float32)
            return Embeddings(unit(flat), np.ones(len(chips), np.float32))

    counted = Counted()
    pipeline = FacePipeline(None, counted, "sface-2021dec")  # type: ignore[arg-type]
    bgr = np.random.default_rng(0).integers(0, 255, (120, 120, 3)).astype(np.uint8)
    grey = np.repeat(bgr[..., :1], 3, axis=2)
    landmarks = np.array([[40, 50], [75, 50], [57, 70], [42, 90], [72, 90]], np.float32)
    vector, _ = pipeline.embed_views(bgr if colour else grey, landmarks)
    assert counted.count == views
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
