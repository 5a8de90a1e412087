"""Run the parity gate on an INT8 file and write its verdict beside it."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import onnxruntime as ort

from calibration.gate.parity import WEAK_SCORE, Bars, Parity, compare_detectors, compare_embedders
from calibration.pictures.faces import Picture, read_chips
from calibration.pictures.inputs import detector_pictures
from engines.catalog import find_model
from engines.detector import YunetDetector
from engines.embedder import Embedder
from engines.fetch import fetch
from engines.files import write_atomically
from engines.int8_files import Verdict, verdict_path
from engines.onnxruntime_engine import OnnxRuntimeEngine

if TYPE_CHECKING:
    from pathlib import Path

    from calibration.quantise.int8 import Progress


def run_gate(
    name: str, path: Path, pictures: list[Picture], progress: Progress, bars: Bars | None = None
) -> Verdict:
    """Compare an INT8 file with its FP32 reference and write the verdict.

    Args:
        name: the model of the catalog.
        path: the INT8 file.
        pictures: of people who were not calibrated with.
        progress: told of each step.
        bars: what must be reached; the defaults are the release's.
    """
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    parity = measure(name, path, pictures, progress, bars)
    verdict = Verdict(
        file_sha256=digest,
        passed=parity.passed,
        failures=parity.failures,
        figures={
            **parity.figures,
            "runtime": f"onnxruntime {ort.__version__} on {platform.machine()}",
        },
    )
    write_atomically(verdict_path(path), msgspec.json.format(msgspec.json.encode(verdict)))
    return verdict


def measure(
    name: str, path: Path, pictures: list[Picture], progress: Progress, bars: Bars | None = None
) -> Parity:
    """Return the gate's figures for a file without writing anything."""
    engines = OnnxRuntimeEngine(fetch(name)), OnnxRuntimeEngine(path, precision="int8")
    model = find_model(name)
    if model.task == "detector":
        detectors = [YunetDetector(e, min_score=WEAK_SCORE, blended=True) for e in engines]
        shown, frames = detector_pictures(pictures)
        step = progress.stage("compare detectors", len(shown) + len(frames))
        alone = compare_detectors(detectors[0], detectors[1], shown, bars, step)
        small = compare_detectors(detectors[0], detectors[1], frames, bars, step)
        # Reported only: the bars are about a user's pictures, not about what is made of them.
        figures = {k: v for k, v in small.figures.items() if k != "passed"}
        return replace(alone, figures={**alone.figures, "composed_frames": figures})
    step = progress.stage("find test faces", len(pictures))
    chips = read_chips(
        YunetDetector(OnnxRuntimeEngine(fetch("yunet")), blended=True), pictures, step
    )
    fp32, int8 = (
        Embedder(e, dimension=model.dimension, colour_order=model.colour_order) for e in engines
    )
    step = progress.stage("compare embedders", -(-len(chips) // 16))
    return compare_embedders(fp32, int8, chips, bars, step)
