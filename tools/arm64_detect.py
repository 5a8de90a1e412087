"""What the shipped INT8 detector finds on this machine: `arm64_detect.py FOLDER`, as JSON.

Also versions, and the sha256 of the INT8 file that `make setup` made. `tools/arm64_trial.sh` runs
it under an emulated Arm64 and beside it, and `tools/arm64_table.py` compares.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from engines.detector import YunetDetector
from engines.fetch import fp32_path
from engines.int8_files import require_int8
from engines.onnxruntime_engine import OnnxRuntimeEngine
from engines.pictures.read import read_picture

LIBRARIES = ("onnxruntime", "numpy", "opencv-python-headless", "av", "numkong")


def main(folder: Path) -> None:
    """Print the JSON of all pictures of a folder."""
    int8 = require_int8("yunet")
    engines = {
        "int8": OnnxRuntimeEngine(int8, threads=1, precision="int8"),
        "fp32": OnnxRuntimeEngine(fp32_path("yunet"), threads=1, precision="fp32"),
    }
    found: dict[str, dict[str, object]] = {}
    for path in sorted(folder.glob("*.jpg")):
        bgr = read_picture(path)
        found[path.stem] = {}
        for precision, engine in engines.items():
            faces = YunetDetector(engine, blended=True).detect(bgr)
            found[path.stem][precision] = {
                "scores": [round(float(s), 4) for s in faces.scores],
                "landmarks_px": faces.landmarks_px.round(3).tolist(),
            }
    report = {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "int8_sha256": hashlib.sha256(int8.read_bytes()).hexdigest(),
        "scenes": found,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
