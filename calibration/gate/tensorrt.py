"""Build, measure and prove the TensorRT engines of this device. Not run on hardware.

The order keeps within the memory that a Jetson's CPU and GPU share: one plan after the other (only
one builder lives at a time), then one engine at a time is loaded, measured and held against FP32.
Run it before `tvradar run` opens its decoder.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import msgspec
import numpy as np

from calibration.gate.parity import WEAK_SCORE, Parity, compare_detectors, compare_embedders
from calibration.pictures.faces import find_pictures, read_chips
from calibration.pictures.inputs import detector_pictures
from engines.catalog import find_model, model_identity
from engines.detector import YunetDetector
from engines.embedder import Embedder
from engines.fetch import fetch
from engines.onnxruntime_engine import OnnxRuntimeEngine
from engines.tensorrt import provision
from engines.tensorrt.errors import PlanError
from engines.tensorrt.pair import platform_of
from engines.tensorrt.runtime import TensorRtEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from calibration.pictures.faces import Picture
    from engines.engine import Engine
    from engines.tensorrt.build import BuildOptions, Progress
    from engines.tensorrt.device import Device
    from engines.tensorrt.plan_cache import PlanCache, PlanRecord, ProfileShapes

log = logging.getLogger(__name__)

WARM_UP, TRIALS = 10, 50
BUDGET_S, FEWEST = 1.0, 3
"""A slow shape is measured less often; how much slower it is shows all the same."""


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build.

    Attributes:
        models: names of the catalog.
        precision: `auto` builds all that the device would use and keeps the fastest proven one.
        sizes_px: width and height of the detector's inputs.
        options: what the builder may use.
        images: folder of people for the gate; without it nothing is proven.
        warm_up: runs before the measured ones.
        trials: runs that are measured.
    """

    models: Sequence[str]
    precision: str
    sizes_px: Sequence[tuple[int, int]]
    options: BuildOptions
    images: Path | None = None
    warm_up: int = WARM_UP
    trials: int = TRIALS


def build_model(
    name: str,
    request: BuildRequest,
    device: Device,
    cache: PlanCache,
    progress: Progress | None = None,
) -> tuple[list[PlanRecord], provision.Choice | None, str]:
    """Build, measure and prove the plans of one model; return records, choice and the reason.

    The cache's lock is held.
    """
    platform = platform_of(device)
    profiles = provision.profiles_of(name, request.sizes_px)
    if request.precision == "auto":
        candidates = provision.available(name)
    else:
        candidates = [provision.candidate(name, request.precision)]  # type: ignore[arg-type]
    records = []
    for one in candidates:
        key = provision.plan_key(one, platform, request.options, profiles)
        record, _ = provision.ensure_plan(
            cache, key, one.onnx_path, request.options, progress=progress
        )
        records.append(record)
    pictures = find_pictures(request.images) if request.images else []
    proven = [_prove(name, record, cache, device, pictures, request) for record in records]
    best, why = provision.choose(proven)
    choice = None
    if best is not None:
        choice = provision.Choice(
            model=model_identity(name), plan=best.key.name, precision=best.key.precision, why=why
        )
        provision.write_choice(provision.plans_dir(), choice)
    return proven, choice, why


def _prove(
    name: str,
    record: PlanRecord,
    cache: PlanCache,
    device: Device,
    pictures: list[Picture],
    request: BuildRequest,
) -> PlanRecord:
    """Add latency and verdict to a record that lacks them; keep each as soon as it is known."""
    wants_gate = bool(pictures) and record.gate is None
    if record.latency_ms is not None and not wants_gate:
        return record
    plan = cache.read(record)
    try:
        engine = TensorRtEngine(plan, device, precision=record.key.precision)
    except PlanError:
        # TensorRT has no way to ask beforehand; the next run builds it again.
        cache.drop(record.key)
        raise
    try:
        if record.latency_ms is None:
            latency_ms = measure(engine, record, request.warm_up, request.trials)
            record = msgspec.structs.replace(record, latency_ms=latency_ms)
            cache.note(record)
        if wants_gate:
            size = record.key.profiles[0].max[:1:-1]
            parity = compare(name, engine, pictures, (size[0], size[1]))
            verdict = provision.gate_verdict(flatten(parity.figures), parity.failures)
            record = msgspec.structs.replace(record, gate=verdict)
            cache.note(record)
    finally:
        engine.close()
    return record


def measure(
    engine: Engine, record: PlanRecord, warm_up: int = WARM_UP, trials: int = TRIALS
) -> dict[str, float]:
    """Return the median time of one run in ms by shape, the usual shape first."""
    first = record.key.profiles[0]
    if len(record.key.profiles) == 1:
        shapes: Iterable[tuple[int, ...]] = dict.fromkeys([first.opt, first.min, first.max])
    else:
        shapes = [profile.opt for profile in record.key.profiles]
    return {"x".join(map(str, s)): _median_ms(engine, first, s, warm_up, trials) for s in shapes}


def _median_ms(
    engine: Engine, profile: ProfileShapes, shape: tuple[int, ...], warm_up: int, trials: int
) -> float:
    value = np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)
    spent: list[float] = []
    until = time.monotonic() + BUDGET_S
    for _ in range(warm_up + trials):
        start = time.perf_counter()
        engine.run({profile.input: value})
        spent.append(time.perf_counter() - start)
        if time.monotonic() > until and len(spent) > FEWEST:
            break
    warm = min(warm_up, len(spent) - 1)
    return round(float(np.median(spent[warm:])) * 1e3, 4)


def compare(
    name: str,
    engine: Engine,
    pictures: list[Picture],
    size_px: tuple[int, int],
    step: Callable[[], None] = lambda: None,
) -> Parity:
    """Hold an engine against the FP32 reference in ONNX Runtime, on the same pictures.

    Args:
        name: the model of the catalog.
        engine: the engine to prove.
        pictures: of people, in one folder per person.
        size_px: width and height of a detector's input, to which pictures are fitted.
        step: called now and then, for progress.
    """
    model = find_model(name)
    reference = OnnxRuntimeEngine(fetch(name), threads=2)
    if model.task == "detector":
        detectors = [YunetDetector(e, min_score=WEAK_SCORE) for e in (reference, engine)]
        shown = [fit(bgr, size_px) for bgr in detector_pictures(pictures)[0]]
        return compare_detectors(detectors[0], detectors[1], shown, None, step)
    finder = YunetDetector(OnnxRuntimeEngine(fetch("yunet"), threads=2))
    chips = read_chips(finder, pictures, step)
    fp32, other = (
        Embedder(e, dimension=model.dimension, colour_order=model.colour_order)
        for e in (reference, engine)
    )
    return compare_embedders(fp32, other, chips, None, step)


def fit(bgr: NDArray[np.uint8], size_px: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a picture shrunk into the size and padded with black at the right and bottom."""
    width, height = size_px
    scale = min(1.0, width / bgr.shape[1], height / bgr.shape[0])
    inner = max(1, round(bgr.shape[1] * scale)), max(1, round(bgr.shape[0] * scale))
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[: inner[1], : inner[0]] = cv2.resize(bgr, inner, interpolation=cv2.INTER_AREA)
    return canvas


def flatten(figures: dict[str, object], prefix: str = "") -> dict[str, float]:
    """Return the numbers of nested figures, `{"cosine": {"mean": 1}}` as `{"cosine.mean": 1}`."""
    flat: dict[str, float] = {}
    for name, value in figures.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{name}.")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            flat[f"{prefix}{name}"] = float(value)
    return flat
