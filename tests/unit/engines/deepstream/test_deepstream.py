"""DeepStream without DeepStream: parser and alignment against ours, keys against the documented."""

from __future__ import annotations

import configparser
import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from engines.align import ARCFACE_TEMPLATE_PX, align, similarity_transforms
from engines.catalog import find_model
from engines.deepstream.export import EMBEDDER, INPUT_PX, configurations
from engines.detector import YunetDetector, to_input
from engines.fetch import fetch
from engines.onnxruntime_engine import OnnxRuntimeEngine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.free import Free

HERE = Path(__file__).parent
KEYS = {
    # docs.nvidia.com/metropolis/deepstream, Gst-nvinfer, gstnvinfer_property_parser.h
    "nvinfer": """gpu-id gie-unique-id process-mode onnx-file infer-dims batch-size network-mode
        network-type output-instance-mask output-blob-names num-detected-classes labelfile-path
        model-color-format net-scale-factor offsets maintain-aspect-ratio symmetric-padding
        cluster-mode interval custom-lib-path parse-bbox-func-name output-tensor-meta
        parse-bbox-instance-mask-func-name operate-on-gie-id input-tensor-from-meta
        secondary-reinfer-interval pre-cluster-threshold topk nms-iou-threshold""",
    # ..., Gst-nvdspreprocess, nvdspreprocess_property_parser.h
    "nvdspreprocess": """enable unique-id gpu-id target-unique-ids operate-on-gie-id
        process-on-frame processing-width processing-height maintain-aspect-ratio symmetric-padding
        network-input-order network-input-shape network-color-format tensor-data-type tensor-name
        scaling-buf-pool-size tensor-buf-pool-size scaling-pool-memory-type scaling-pool-compute-hw
        scaling-filter custom-lib-path custom-tensor-preparation-function src-ids process-on-roi
        process-on-all-objects custom-input-transformation-function input-object-min-width
        input-object-min-height""",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All files of `engines deepstream` but the models, whose copies nothing here reads."""
    root = tmp_path_factory.mktemp("deepstream")
    for name, text in configurations(find_model(EMBEDDER)).items():
        (root / name).write_text(text)
    return root


def compiled(folder: Path, *words: object) -> None:
    if shutil.which("g++") is None:
        pytest.skip("no g++")
    command = ["g++", "-std=c++17", "-Wall", "-Werror", "-ffp-contract=off", f"-I{HERE / 'sdk'}"]
    subprocess.run([*command, f"-I{folder}", *map(str, words)], check=True)


@pytest.fixture(scope="module")
def library(folder: Path) -> ctypes.CDLL:
    sources = (HERE / "harness.cpp", folder / "yunet_parser.cpp")
    compiled(
        folder, "-O1", "-shared", "-fPIC", "-Wno-unused-variable", *sources, "-o", folder / "t.so"
    )
    return ctypes.CDLL(str(folder / "t.so"))


def parse(
    library: ctypes.CDLL, outputs: dict[str, NDArray[np.float32]], min_score: float
) -> NDArray[np.float32]:
    names = (ctypes.c_char_p * len(outputs))(*[name.encode() for name in outputs])
    buffers = (ctypes.POINTER(ctypes.c_float) * len(outputs))(
        *[o.ctypes.data_as(ctypes.POINTER(ctypes.c_float)) for o in outputs.values()]
    )
    rows = np.zeros((64, 15), np.float32)
    target = rows.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    count = library.parse(
        len(outputs), names, buffers, *INPUT_PX, ctypes.c_float(min_score), target, len(rows)
    )
    assert 0 <= count <= len(rows)
    return rows[:count]


@pytest.mark.parametrize("min_score", [0.6, 0.05])
def test_the_parser_finds_what_our_decoder_finds(
    library: ctypes.CDLL, free: Free, min_score: float
) -> None:
    picture = cv2.imread(str(free.group), cv2.IMREAD_COLOR)
    assert picture is not None
    bgr = np.asarray(cv2.resize(picture, (INPUT_PX[0], 192)), np.uint8)
    engine = OnnxRuntimeEngine(fetch("yunet"))
    detector = YunetDetector(engine, min_score=min_score, sizes_px=[INPUT_PX])
    wanted = detector.detect(bgr)
    outputs = {
        name: np.ascontiguousarray(output, np.float32)
        for name, output in engine.run({"input": to_input(bgr, INPUT_PX)}).items()
    }
    rows = parse(library, outputs, min_score)

    assert len(rows) == len(wanted) >= 4
    boxes = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
    np.testing.assert_allclose(boxes, wanted.xyxy_px, atol=1e-2)
    np.testing.assert_allclose(rows[:, 4], wanted.scores, atol=1e-5)
    points = rows[:, 5:].reshape(-1, 5, 2) * rows[:, None, 2:4] + rows[:, None, :2]
    np.testing.assert_allclose(points, wanted.landmarks_px, atol=1e-2)
    outputs.pop("kps_16")
    with pytest.raises(AssertionError):
        parse(library, outputs, min_score)


def test_faces_are_aligned_as_ours_are(library: ctypes.CDLL) -> None:
    random = np.random.default_rng(0)
    for landmarks in random.uniform(0, 1920, (50, 5, 2)).astype(np.float32):
        (matrix,) = similarity_transforms(landmarks[None])
        wanted = cv2.invertAffineTransform(matrix)
        points, inverse = landmarks.astype(np.float64).ravel(), np.zeros(6, np.float32)
        assert library.inverse_of(
            points.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
            inverse.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
        )
        np.testing.assert_allclose(inverse.reshape(2, 3), wanted, rtol=1e-4, atol=1e-2)
    same = np.full(10, 7.0)
    assert not library.inverse_of(
        same.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
        inverse.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
    )


@pytest.mark.parametrize(("blue_first", "large"), [(False, 1.0), (True, 1.0), (True, 2.7)])
def test_faces_are_cut_as_ours_are(library: ctypes.CDLL, *, blue_first: bool, large: float) -> None:
    random = np.random.default_rng(1)
    noise = random.integers(0, 256, (360, 640, 3), np.uint8)
    bgr = np.asarray(cv2.GaussianBlur(noise, (0, 0), 3), np.uint8)
    rgba = np.ascontiguousarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGBA))
    places = random.uniform((60, 60), (540, 260), (16, 2))  # some hang over the edge
    landmarks = ((ARCFACE_TEMPLATE_PX - 56) * large + places[:, None]).astype(np.float32)
    inverses = np.stack(
        [cv2.invertAffineTransform(m).ravel() for m in similarity_transforms(landmarks)]
    ).astype(np.float32)
    found = np.full((len(landmarks), 3, 112, 112), 255, np.float32)
    pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in (rgba, inverses, found)]
    sizes = (len(landmarks), 112, int(blue_first))
    library.warp(pointers[0], 640, 360, pointers[1], *sizes, pointers[2])
    ours = align(bgr, landmarks)
    ordered = ours if blue_first else ours[..., ::-1]
    difference = np.abs(found - ordered.transpose(0, 3, 1, 2).astype(np.float32))
    # OpenCV 5 computes in float as we do; OpenCV 4 places samples on a grid of 1/32 pixel. Of a
    # large face other points are averaged, which tells where the picture ends.
    worst, mean = (1, 0.01) if cv2.__version__.startswith("5.") else (10, 1.0)
    if large >= 2:
        worst, mean = 40, 1.0
    assert difference.max() <= worst
    assert difference.mean() < mean


def test_the_library_of_nvdspreprocess_compiles_against_what_is_documented(folder: Path) -> None:
    words = ["-fsyntax-only", "-Wno-unused-function", "-DTVRADAR_BLUE_FIRST=0", "-x", "c++"]
    compiled(folder, *words, folder / "align_faces.cu")


@pytest.mark.parametrize(
    ("name", "element"),
    [("detector", "nvinfer"), ("embedder", "nvinfer"), ("preprocess", "nvdspreprocess")],
)
def test_every_key_is_a_documented_one(folder: Path, name: str, element: str) -> None:
    config = configparser.ConfigParser()
    config.read(folder / f"{name}.txt")
    used = {key for section in config.sections() for key in config[section]}
    assert used <= set(KEYS[element].split())
    properties = config["property"]
    if name != "detector":  # the embedder takes tensors that are made for it, in its own order
        model = find_model(EMBEDDER)
        colour = {"rgb": "0", "bgr": "1"}[model.colour_order]
        assert properties.get("network-color-format", colour) == colour
        assert f"-DTVRADAR_BLUE_FIRST={colour} " in (folder / "Makefile").read_text()
    named = [properties[k] for k in ("custom-lib-path", "labelfile-path") if k in properties]
    for file in named:
        assert (folder / file).exists() or f"{file}:" in (folder / "Makefile").read_text()
    function = properties.get("parse-bbox-instance-mask-func-name")
    assert (
        function is None
        or f'extern "C" bool {function}(' in (folder / "yunet_parser.cpp").read_text()
    )
