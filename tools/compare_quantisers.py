r"""Our INT8 chain beside ONNX Runtime's and NVIDIA's quantisers, on the same pictures.

    python -m tools.free_pictures FREE
    python -m venv mo && mo/bin/pip install nvidia-modelopt torch 'onnx~=1.21.0' \
        'onnxruntime~=1.24.2' onnx-graphsurgeon onnxslim onnxscript onnxconverter-common \
        lief ml_dtypes polygraphy cppimport
    python -m tools.compare_quantisers FREE ACTORS --modelopt mo/bin/python

Each makes SFace's INT8 file from the same faces of FREE. Judged on every ninth face of ACTORS:
cosine to FP32, bytes, milliseconds for one face by one thread (all files in turns), whether the
TensorRT-RTX parser and builder take it, and what the linters say. Prints the table of
docs/adr/0007-int8-graph-form.md. Without --modelopt its rows are left out.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime as ort

from calibration.pictures.faces import find_pictures, read_chips
from calibration.pictures.inputs import chips_to_inputs
from calibration.quantise.int8 import DEFAULTS, calibrate
from engines.catalog import find_model
from engines.detector import YunetDetector
from engines.fetch import fetch
from engines.onnx_models.polygraphy_lint import polygraphy_lint
from engines.onnxruntime_engine import OnnxRuntimeEngine
from tools.ship_int8 import Quiet

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]

MODEL = "sface"
TURNS = 40
OPTIONS = {
    "ActivationSymmetric": True,
    "WeightSymmetric": True,
    "QuantizeBias": False,
    "OpTypesToExcludeOutputQuantization": ["Conv", "Gemm", "MatMul", "Add"],
    "CalibMaxIntermediateOutputs": 10,  # it keeps every layer's output of every face otherwise
}
"""With any of these left at its default, NVIDIA's parser refuses the graph."""

MODELOPT = """
import sys
import numpy as np
from modelopt.onnx.quantization import quantize
source, data, target, method = sys.argv[1:]
quantize(
    source, quantize_mode="int8", calibration_data=np.load(data)["data"], calibration_method=method,
    calibration_eps=["cpu"], output_path=target, high_precision_dtype="fp32", log_level="ERROR",
)
"""


def faces_of(folder: Path, every: int = 1) -> list[NDArray[np.float32]]:
    """Return SFace's inputs, float32 (1, 3, 112, 112) each, of every n-th picture of a folder."""
    pictures = sorted(find_pictures(folder), key=lambda p: p.sha256)[::every]
    detector = YunetDetector(OnnxRuntimeEngine(fetch("yunet")), blended=True)
    chips = read_chips(detector, pictures)
    return chips_to_inputs(chips, find_model(MODEL).colour_order)


def by_onnxruntime(source: Path, target: Path, faces: list[Any], method: str) -> None:
    """Quantise by `onnxruntime.quantization`, in the form that NVIDIA's parser takes."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._faces = iter(faces)

        def get_next(self) -> dict[str, Any] | None:
            face = next(self._faces, None)
            return None if face is None else {"data": face}

    quantize_static(
        source,
        target,
        Reader(),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        calibrate_method=CalibrationMethod[method],
        op_types_to_quantize=["Conv", "Gemm"],
        extra_options=OPTIONS,
    )


def make_all(folder: Path, free: Path, modelopt: Path | None) -> dict[str, Path]:
    """Return the INT8 files of the libraries by what made them."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    faces = faces_of(free)
    print(f"{len(faces)} faces calibrate", file=sys.stderr)
    made = {}
    source = folder / "fp32.onnx"
    quant_pre_process(fetch(MODEL), source, skip_symbolic_shape=True)
    if modelopt is not None:
        data = folder / "faces.npz"
        np.savez(data, data=np.concatenate(faces))
        for method in ("max", "entropy"):
            target = folder / f"modelopt-{method}.onnx"
            command = [modelopt, "-c", MODELOPT, source, data, target, method]
            if not target.is_file():
                subprocess.run(command, check=True, stdout=sys.stderr)
            made[f"ModelOpt, {method}"] = target
    for method in ("MinMax", "Percentile"):
        target = folder / f"onnxruntime-{method}.onnx"
        if not target.is_file():
            by_onnxruntime(source, target, faces, method)
        made[f"onnxruntime {ort.__version__}, {method}"] = target
    return made


def as_it_is(path: Path) -> Run:
    """Return what runs a file in ONNX Runtime with one thread, in its own form."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: np.asarray(session.run(None, {name: x})[0])


def in_our_form(path: Path, precision: str) -> Run:
    """Return what runs a file as tvradar does."""
    engine = OnnxRuntimeEngine(path, threads=1, precision=precision)
    return lambda x: next(iter(engine.run({"data": x}).values()))


def unit(run: Run, faces: list[Any]) -> NDArray[np.float64]:
    """Return the unit vectors (n, 128) of faces."""
    raw = np.concatenate([run(face) for face in faces]).astype(np.float64)
    return raw / np.linalg.norm(raw, axis=1, keepdims=True)


def times_ms(runs: dict[str, Run], face: NDArray[np.float32]) -> dict[str, float]:
    """Return each one's median, taken in turns."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(TURNS):
        for name, run in runs.items():
            started = time.perf_counter()
            run(face)
            taken[name].append(1e3 * (time.perf_counter() - started))
    return {name: statistics.median(values) for name, values in taken.items()}


def accepted(paths: list[Path]) -> dict[Path, str]:
    """Return what the TensorRT-RTX parser and builder say of each file."""
    command = [sys.executable, "tools/trtx_gate.py", "--json", *map(str, paths)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        return dict.fromkeys(paths, "not checked")
    graphs = json.loads(done.stdout)["graphs"]
    return {Path(g["file"]): "yes" if g["accepted"] else f"no: {g['reason'][:160]}" for g in graphs}


def main() -> None:
    """Make the files, judge them, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("free", type=Path)
    parser.add_argument("actors", type=Path)
    parser.add_argument("--modelopt", type=Path, help="Python that can import modelopt")
    parser.add_argument("--ours", action="store_true", help="leave the libraries out")
    parser.add_argument("--every", type=int, default=9)
    parser.add_argument("--work", type=Path, help="folder that keeps the files for another run")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ours = calibrate(MODEL, find_pictures(given.free), DEFAULTS["embedder"], Quiet())
        made = {"ours": ours}
        if not given.ours:
            made |= make_all(given.work or Path(folder), given.free, given.modelopt)
        judged = faces_of(given.actors, given.every)
        reference = in_our_form(fetch(MODEL), "fp32")
        runs = {"FP32": reference, "ours, integer form": in_our_form(made["ours"], "int8")}
        files = {"FP32": fetch(MODEL), "ours, integer form": made["ours"]}
        runs |= {f"{name}, as the file says": as_it_is(path) for name, path in made.items()}
        files |= {f"{name}, as the file says": path for name, path in made.items()}
        wanted = unit(reference, judged)
        told = times_ms(runs, judged[0])
        verdicts = accepted(list(made.values()))
        print(f"{len(judged)} faces judge\n")
        print("| | cosine mean | p1 | MB | ms | TensorRT-RTX takes it | Polygraphy's linter |")
        print("|---|---|---|---|---|---|---|")
        for name, run in runs.items():
            cosines = (unit(run, judged) * wanted).sum(axis=1)
            path = files[name]
            notes = len(polygraphy_lint(onnx.load(path)))
            print(
                f"| {name} | {cosines.mean():.4f} | {np.percentile(cosines, 1):.4f} "
                f"| {path.stat().st_size / 1e6:.2f} | {told[name]:.1f} "
                f"| {verdicts.get(path, '')} | {notes or 'nothing'} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
