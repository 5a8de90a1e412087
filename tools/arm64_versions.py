"""What runs on this machine, as JSON: versions, and the INT8 files that `make setup` made.

`tools/arm64_trial.sh` runs it under an emulated Arm64 and beside it, and `tools/arm64_table.py`
compares.
"""

from __future__ import annotations

import hashlib
import json
import platform
from importlib.metadata import version

from engines.int8_files import require_int8

LIBRARIES = ("onnxruntime", "numpy", "opencv-python-headless", "av", "numkong")
MODELS = ("yunet", "sface")


def main() -> None:
    """Print the JSON."""
    report = {"machine": platform.machine(), "Python": platform.python_version()}
    report |= {name: version(name) for name in LIBRARIES}
    for model in MODELS:
        sha256 = hashlib.sha256(require_int8(model).read_bytes()).hexdigest()
        report[f"{model} INT8, sha256"] = sha256[:16]
    print(json.dumps(report))


if __name__ == "__main__":
    main()
