"""TensorRT-RTX parser and builder, SM86: do NVIDIA's real parser and builder take our graphs?

TensorRT-RTX shares TensorRT's ONNX parser, network and builder, and builds without a GPU when it is
told a target. It has no SM87, so what it builds runs on no Jetson: this gate shows that graphs are
accepted, not that they are right or fast on Orin. The library (about 95 MB, not a dependency) is
installed by pip into a cache of its own.

    python tools/trtx_gate.py [--json] [FILE...]      default: the FP32 and INT8 files in the cache

Exit codes: 0 all accepted, 1 some refused, 77 TensorRT-RTX is not to be had here.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENT = "tensorrt-rtx==1.7.1.116"
NAME = "TensorRT-RTX parser and builder, SM86"
UNAVAILABLE = f"{NAME}: not checked: pip cannot get {REQUIREMENT} on this machine"
SKIPPED = 77
INSIDE = "TVRADAR_INSIDE_TRTX_GATE"


def main() -> int:
    """Check each file; print a line or an object of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--batch", type=int, nargs=3, default=(1, 4, 16), metavar="N")
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--where", action="store_true", help="install it and print its folder")
    arguments = parser.parse_args()
    if arguments.where:
        folder = installed()
        print(folder or UNAVAILABLE)
        return 0 if folder else SKIPPED
    if INSIDE not in os.environ:
        return run_inside()
    files = arguments.files or shipped_files()
    results = [check(path, tuple(arguments.batch)) for path in files]
    if arguments.json:
        print(json.dumps({"gate": NAME, "requirement": REQUIREMENT, "graphs": results}))
    else:
        for result in results:
            verdict = "accepted" if result["accepted"] else f"refused: {result['reason']}"
            print(f"{NAME}: {Path(result['file']).name}: {verdict}")
    return int(not all(result["accepted"] for result in results))


def installed() -> Path | None:
    """Return the folder with the library, installed now if need be; None if pip cannot."""
    import platformdirs

    base = Path(os.environ.get("TVRADAR_CACHE") or platformdirs.user_cache_dir("tvradar"))
    python = f"py{sys.version_info.major}.{sys.version_info.minor}"
    folder = base / "trtx" / f"{REQUIREMENT.partition('==')[2]}-{python}"
    return folder if folder.is_dir() or install(folder) else None


def run_inside() -> int:
    """Run this program again where `tensorrt_rtx` can be imported."""
    folder = installed()
    if folder is None:
        print(UNAVAILABLE)
        return SKIPPED
    paths = [str(ROOT), str(folder), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, INSIDE: "1", "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command = [sys.executable, *sys.argv]
    return subprocess.run(command, env=environment, check=False).returncode


def install(folder: Path) -> bool:
    """Install into a folder, which is there whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = folder.with_name(f".{folder.name}.{os.getpid()}")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(aside)]
    done = subprocess.run([*pip, REQUIREMENT], capture_output=True, text=True, check=False)
    if done.returncode:
        return False
    try:
        aside.rename(folder)
    except OSError:
        shutil.rmtree(aside)
        return folder.is_dir()  # another process was faster
    return True


def sm86(config: object) -> None:
    """Build for a GPU that is not here; without this the builder asks the CUDA driver."""
    import tensorrt as trt

    config.num_compute_capabilities = 1  # type: ignore[attr-defined]
    config.set_compute_capability(trt.ComputeCapability.SM86, 0)  # type: ignore[attr-defined]


def shipped_files() -> list[Path]:
    """Return the FP32 file of each model, and the INT8 file in use where one was made."""
    from engines.catalog import default_models
    from engines.fetch import fetch
    from engines.int8_files import current_int8

    files = [fetch(name) for name in default_models()]
    return files + [path for name in default_models() if (path := current_int8(name))]


def check(path: Path, batches: tuple[int, int, int]) -> dict[str, object]:
    """Parse and build one graph by the very code that `tvradar engines build` runs."""
    from engines.tensorrt.bindings import use_rtx
    from engines.tensorrt.build import BuildOptions, build_plan
    from engines.tensorrt.errors import GraphRefusedError

    use_rtx()
    started = time.monotonic()
    reason, plan = "", b""
    try:
        plan = build_plan(path, profiles_of(path, batches), BuildOptions(), target=sm86)
    except GraphRefusedError as error:
        reason = str(error)
    return {
        "file": str(path),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "accepted": bool(plan),
        "reason": reason,
        "plan_bytes": len(plan),
        "seconds": round(time.monotonic() - started, 2),
    }


def profiles_of(path: Path, batches: tuple[int, int, int]) -> tuple[object, ...]:
    """Return the profiles that the device builds: a detector's sizes, or an embedder's batches."""
    import onnx

    from engines.tensorrt.build import detector_profiles
    from engines.tensorrt.plan_cache import ProfileShapes

    value = onnx.load(path, load_external_data=False).graph.input[0]
    shape = value.type.tensor_type.shape.dim
    if len(shape) == 4 and shape[2].dim_param:
        return detector_profiles(name=value.name)
    rest = tuple(dim.dim_value for dim in shape[1:])
    low, usual, high = ((batch, *rest) for batch in batches)
    return (ProfileShapes(value.name, low, usual, high),)


if __name__ == "__main__":
    sys.exit(main())
