"""The detector and the embedder of the catalog as DeepStream wants them: a folder to build there.

The landmarks of a face travel as the mask of an instance (`sources/yunet_parser.cpp`), so that the
faces can be aligned before the embedder (`sources/align_faces.cu`, a library of nvdspreprocess).
Keys are those of the Gst-nvinfer and Gst-nvdspreprocess pages of the DeepStream guide. **Not run on
hardware**: what is checked without is said in docs/players.md.
"""

from __future__ import annotations

import shutil
from importlib import resources
from typing import TYPE_CHECKING

from engines.catalog import find_model, model_identity
from engines.errors import EngineError
from engines.fetch import fetch
from engines.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from engines.catalog import Model

DETECTOR, EMBEDDER = "yunet", "sface"
INPUT_PX = (640, 384)
"""Width and height of the detector's input: 16:9 at 640x360, padded to multiples of 32."""
STRIDES_PX = (8, 16, 32)
MIN_SCORE = 0.6
FACES_AT_ONCE = 16
SOURCES = ("yunet_parser.cpp", "face_alignment.h", "align_faces.cu", "warp_faces.cu")

_DETECTOR_CONFIG = """# {identity}: faces with five landmarks
[property]
gpu-id=0
gie-unique-id=1
process-mode=1
onnx-file={model}
infer-dims=3;{height};{width}
batch-size=1
network-mode=0
network-type=3
output-instance-mask=1
output-blob-names={outputs}
num-detected-classes=1
labelfile-path=labels.txt
model-color-format=1
net-scale-factor=1.0
maintain-aspect-ratio=1
symmetric-padding=0
cluster-mode=4
interval=0
custom-lib-path=libtvradar_yunet.so
parse-bbox-instance-mask-func-name=NvDsInferParseYuNet

[class-attrs-all]
pre-cluster-threshold={min_score}
"""

_PREPROCESS_CONFIG = """# Faces aligned to ArcFace's template, for {identity}
[property]
enable=1
unique-id=5
gpu-id=0
target-unique-ids=2
operate-on-gie-id=1
process-on-frame=0
processing-width=112
processing-height=112
maintain-aspect-ratio=0
symmetric-padding=0
network-input-order=0
network-input-shape={faces};3;112;112
network-color-format={colour}
tensor-data-type=0
tensor-name=data
scaling-buf-pool-size=6
tensor-buf-pool-size=6
scaling-pool-memory-type=0
scaling-pool-compute-hw=1
scaling-filter=0
custom-lib-path=libtvradar_align.so
custom-tensor-preparation-function=CustomTensorPreparation

[group-0]
src-ids=0
process-on-roi=0
process-on-all-objects=1
custom-input-transformation-function=CustomTransformation
input-object-min-width=16
input-object-min-height=16
"""

_EMBEDDER_CONFIG = """# {identity}: {dimension} numbers of each face, as tensor metadata
[property]
gpu-id=0
gie-unique-id=2
process-mode=2
operate-on-gie-id=1
onnx-file={model}
infer-dims=3;112;112
batch-size={faces}
network-mode=0
network-type=100
output-blob-names=fc1
output-tensor-meta=1
input-tensor-from-meta=1
secondary-reinfer-interval=0
model-color-format={colour}
net-scale-factor=1.0
"""

_PIPELINE = """#!/bin/sh
# Faces of a film with their tracks and embeddings; run `make` first.   ./deepstream.sh FILM.mp4
set -eu
film=$(realpath "$1")
cd "$(dirname "$0")"
exec gst-launch-1.0 filesrc location="$film" ! qtdemux ! h264parse ! nvv4l2decoder \\
    ! m.sink_0 nvstreammux name=m batch-size=1 width=1920 height=1080 nvbuf-memory-type=2 \\
    ! nvvideoconvert nvbuf-memory-type=2 ! 'video/x-raw(memory:NVMM),format=RGBA' \\
    ! nvinfer config-file-path=detector.txt \\
    ! nvtracker ll-lib-file=/opt/nvidia/deepstream/deepstream/lib/libnvds_nvmultiobjecttracker.so \\
    ! nvdspreprocess config-file=preprocess.txt \\
    ! nvinfer config-file-path=embedder.txt ! fakesink
"""


def export(folder: Path) -> tuple[str, ...]:
    """Write models, configurations and sources into a folder; return the names of the files.

    Raises:
        EngineError: the folder cannot be written to.
        ModelMissingError: a model is not in the cache and cannot be fetched.
    """
    models = {f"{name}.onnx": fetch(name) for name in (DETECTOR, EMBEDDER)}
    texts = configurations(find_model(EMBEDDER))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, path in models.items():
            shutil.copyfile(path, folder / name)
        for name, text in texts.items():
            write_atomically(folder / name, text.encode())
        (folder / "deepstream.sh").chmod(0o755)
    except OSError as error:
        raise EngineError(f"{folder}: cannot be written ({error.strerror})") from error
    return tuple(sorted([*models, *texts]))


def configurations(embedder: Model) -> dict[str, str]:
    """Return the text of each file but the models, by name."""
    colour = "0" if embedder.colour_order == "rgb" else "1"
    values = {"model": f"{EMBEDDER}.onnx", "colour": colour, "faces": FACES_AT_ONCE}
    identity = model_identity(EMBEDDER)
    outputs = ";".join(f"{kind}_{s}" for kind in ("cls", "obj", "bbox", "kps") for s in STRIDES_PX)
    found = {name: _source(name) for name in SOURCES}
    return found | {
        "Makefile": _source("Makefile").replace("@BLUE_FIRST@", colour),
        "labels.txt": "face\n",
        "detector.txt": _DETECTOR_CONFIG.format(
            identity=model_identity(DETECTOR),
            model=f"{DETECTOR}.onnx",
            width=INPUT_PX[0],
            height=INPUT_PX[1],
            outputs=outputs,
            min_score=MIN_SCORE,
        ),
        "preprocess.txt": _PREPROCESS_CONFIG.format(identity=identity, **values),
        "embedder.txt": _EMBEDDER_CONFIG.format(
            identity=identity, dimension=embedder.dimension, **values
        ),
        "deepstream.sh": _PIPELINE,
    }


def _source(name: str) -> str:
    return (resources.files("engines.deepstream") / "sources" / name).read_text()
