"""Which runtime is taken, and what the status says about it, on a machine without a GPU."""

import pytest

from engines.errors import EngineError
from engines.faces import load_pipeline
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
