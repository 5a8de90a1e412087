"""Each family of models as an FP32 ONNX graph in the form that the rest of tvradar expects.

A detector takes `input`, float32 (N, 3, H, W), 0 to 255; an embedder `data`, (N, 3, 112, 112), an
aligned face, and gives one vector per face. Models of text and of sound keep the form of
their makers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from onnx import version_converter

from engines.errors import ModelShapeError
from engines.onnx_models.dequantise import FP32_OPSET, fold_to_fp32
from engines.onnx_models.dlib_resnet import dlib_resnet
from engines.onnx_models.voice_encoder import voice_encoder

if TYPE_CHECKING:
    from engines.catalog import Model

CENTERFACE_NAMES = {
    "input.1": "input",
    "537": "heatmap",
    "538": "scale",
    "539": "offset",
    "540": "landmarks",
}


def to_fp32(model: Model, weights: bytes, companion: bytes) -> onnx.ModelProto:
    """Return a model's graph.

    Args:
        model: the catalog's entry.
        weights: the file that the catalog names, verified.
        companion: the file that describes the weights, or nothing.

    Raises:
        ModelShapeError: the family is unknown here, or the file is not of its family.
    """
    if model.family in {"yunet", "sface"}:
        source = onnx.load_from_string(weights)
        return fold_to_fp32(source, dynamic_size=model.task == "detector")
    if model.family == "centerface":
        return _centerface(onnx.load_from_string(weights))
    if model.family in {"ppocr", "silero-vad"}:  # FP32 already, with open sizes
        return onnx.load_from_string(weights)
    if model.family == "dlib-resnet":
        return dlib_resnet(weights, companion)
    if model.family == "resemblyzer":
        return voice_encoder(weights)
    raise ModelShapeError(
        f"family {model.family!r}: no converter here, see engines/onnx_models/convert.py"
    )


def _centerface(source: onnx.ModelProto) -> onnx.ModelProto:
    """Return CenterFace with open batch, height and width, and names that say what is what."""
    converted = version_converter.convert_version(source, FP32_OPSET)
    graph = converted.graph
    for node in graph.node:
        node.input[:] = [CENTERFACE_NAMES.get(name, name) for name in node.input]
        node.output[:] = [CENTERFACE_NAMES.get(name, name) for name in node.output]
    del graph.value_info[:]
    constants = {item.name for item in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    for values, axes in ((inputs, ("N", None, "H", "W")), (graph.output, ("N", None, "h", "w"))):
        for value in values:
            value.name = CENTERFACE_NAMES.get(value.name, value.name)
            for dim, axis in zip(value.type.tensor_type.shape.dim, axes, strict=True):
                if axis:
                    dim.dim_param = axis
    del graph.input[:]
    graph.input.extend(inputs)
    converted.ir_version = 8
    onnx.checker.check_model(converted, full_check=True)
    return converted
