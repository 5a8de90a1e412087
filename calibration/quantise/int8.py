"""From a float model and pictures of faces to an INT8 model, its record and the gate's verdict.

Same pictures, options and library versions give the same bytes. Every stage is kept in the cache
under a key of all inputs until the model is whole, so that a killed run goes on where it was; the
model appears under its name by a rename, and is used only once the verdict is written too.
"""

from __future__ import annotations

import hashlib
import io
import logging
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import cv2
import msgspec
import numpy as np
import onnx
import onnxruntime as ort

from calibration.errors import CalibrationError
from calibration.pictures.faces import Picture, read_chips
from calibration.pictures.inputs import chips_to_inputs, detector_inputs
from calibration.quantise.assemble import assemble
from calibration.quantise.balance import Balance, balance
from calibration.quantise.equalise import Factors, equalise
from calibration.quantise.plan import plan
from calibration.quantise.prepare import prepare
from calibration.quantise.ranges import Ranges, measure_ranges
from calibration.quantise.scales import Method, choose_scales, tensors_to_measure
from calibration.quantise.sensitivity import embedding_error, face_error, sweep
from engines.catalog import find_model, model_identity
from engines.detector import YunetDetector
from engines.fetch import fetch
from engines.files import BAD_JSON, cache_dir, write_atomically
from engines.foreign_onnx import read_known
from engines.int8_files import artefact_path
from engines.onnxruntime_engine import OnnxRuntimeEngine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from engines.onnx_models.graph import Graph

log = logging.getLogger(__name__)

REVISION = 7
"""Raised when the same inputs give other bytes."""
MIN_PICTURES = 16


@dataclass(frozen=True)
class Options:
    """How to calibrate.

    Attributes:
        method: how a tensor's range becomes a scale; see `choose_scales`, and `balance` for
            "balanced", which takes no strength.
        strength: of the equalisation between channels; see `equalise`.
        limit: at most this many pictures, taken evenly.
        stem: this many of the first convolutions stay in float.
        mixed: this many more layers stay in float, those that lose most.
        seed: of the places in feature maps that are sampled.
    """

    method: Method | Literal["balanced"] = "mse"
    strength: float = 0.5
    limit: int = 256
    stem: int = 0
    mixed: int = 0
    seed: int = 0


DEFAULTS = {
    "embedder": Options(method="balanced", stem=3),
    "detector": Options(method="minmax", strength=0.3, stem=9),
}
"""By task. A scene is brighter than any crop of a face that a detector was calibrated with, so its
ranges are not cut; the error of its landmarks comes from the first layers (`docs/int8.md`)."""


class Progress(Protocol):
    """Shows how far a run is."""

    def stage(self, name: str, total: int) -> Callable[[], None]:
        """Begin a stage; the function that is returned is called once a step."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that an INT8 file was made from; `shipped` where it came with tvradar."""

    model: str
    fp32_sha256: str
    options: dict[str, object]
    pictures: tuple[str, ...]
    faces: int
    float_layers: dict[str, float]
    factors: Factors
    scales: dict[str, float]
    libraries: dict[str, str]
    revision: int
    int8_sha256: str
    shipped: bool = False
    shifts: dict[str, int] = {}


def calibrate(name: str, pictures: list[Picture], options: Options, progress: Progress) -> Path:
    """Make the INT8 file of a catalog model; returns its path, at once if it is there already.

    Args:
        name: a model of the catalog.
        pictures: to calibrate with; people in them must not be in the gate's test.
        options: how.
        progress: told of each step.

    Raises:
        CalibrationError: too few faces were found.
    """
    fp32 = fetch(name)
    pictures = _evenly(pictures, options.limit)
    key = _key(fp32, pictures, options)
    identity = model_identity(name)
    target = artefact_path(identity, key)
    work = cache_dir() / "calibration" / f"{identity}-{key}"
    if _is_whole(target):
        log.info("%s: is there already", target)
        shutil.rmtree(work, ignore_errors=True)  # a kill between the two leaves it
        return target
    work.mkdir(parents=True, exist_ok=True)
    inputs = _inputs(name, pictures, progress)
    if len(inputs) < MIN_PICTURES:
        raise CalibrationError(
            f"{len(pictures)} pictures: a face was found in {len(inputs)}, at least "
            f"{MIN_PICTURES} are needed; give pictures of faces, best of many people"
        )
    weights = read_known(fp32)
    graph = prepare(onnx.load_from_string(weights))
    names = tensors_to_measure(graph, plan(graph))
    ranges = _ranges(work / "ranges.npz", graph, names, inputs, options, progress)
    made = _balance(graph, ranges, options)
    convolutions = [n.name for n in graph.nodes if n.op_type == "Conv"]
    kept: dict[str, float] = dict.fromkeys(convolutions[: options.stem], 0.0)
    if options.mixed:
        error = face_error if find_model(name).task == "detector" else embedding_error
        method = "mse" if options.method == "balanced" else options.method
        gains = sweep(graph, ranges, method, inputs, error, work / "sweep.json", progress.stage)
        ranked = sorted((x for x in gains.items() if x[0] not in kept), key=lambda x: -x[1])
        kept |= dict(ranked[: options.mixed])
    roots = plan(graph, frozenset(kept)).roots
    scales = {root: made.scales[root] for root in roots}
    shifts = {root: made.shifts[root] for root in roots if root in made.shifts}
    data = assemble(weights, made.factors, kept, scales, shifts)
    record = Record(
        model=identity,
        fp32_sha256=hashlib.sha256(weights).hexdigest(),
        options=asdict(options),
        pictures=tuple(p.sha256 for p in pictures),
        faces=len(inputs),
        float_layers=kept,
        factors=made.factors,
        scales=scales,
        shifts=shifts,
        libraries=_libraries(),
        revision=REVISION,
        int8_sha256=hashlib.sha256(data).hexdigest(),
    )
    write_atomically(record_path(target), msgspec.json.format(msgspec.json.encode(record)))
    write_atomically(target, data)
    shutil.rmtree(work)
    return target


def _balance(graph: Graph, ranges: dict[str, Ranges], options: Options) -> Balance:
    """Choose factors, scales and shifts, and divide the graph's channels, ranges too."""
    everything = plan(graph)
    if options.method == "balanced":
        return balance(graph, everything, ranges)
    factors = equalise(graph, ranges, options.strength)
    return Balance(factors, choose_scales(graph, everything, ranges, options.method), {})


def record_path(path: Path) -> Path:
    """Return where the calibration record of an INT8 file is."""
    return path.with_suffix(".json")


def read_record(path: Path) -> Record:
    """Return the calibration record of an INT8 file.

    Raises:
        CalibrationError: there is none, or it is damaged.
    """
    try:
        return msgspec.json.decode(record_path(path).read_bytes(), type=Record)
    except (FileNotFoundError, *BAD_JSON) as error:
        raise CalibrationError(
            f"{record_path(path)}: no calibration record ({error}); calibrate again"
        ) from error


def _evenly(pictures: list[Picture], limit: int) -> list[Picture]:
    """Return at most `limit` pictures, without doubles, in the order of their sha256."""
    unique = sorted({p.sha256: p for p in pictures}.values(), key=lambda p: p.sha256)
    return unique[:limit]


def _libraries() -> dict[str, str]:
    return {
        "numpy": np.__version__,
        "onnx": onnx.__version__,
        "onnxruntime": ort.__version__,
        "opencv": cv2.__version__,
    }


def _key(fp32: Path, pictures: list[Picture], options: Options) -> str:
    content = [
        hashlib.sha256(fp32.read_bytes()).hexdigest(),
        [p.sha256 for p in pictures],
        asdict(options),
        _libraries(),
        REVISION,
    ]
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()[:12]


def _is_whole(target: Path) -> bool:
    if not target.is_file() or not record_path(target).is_file():
        return False
    return read_record(target).int8_sha256 == hashlib.sha256(target.read_bytes()).hexdigest()


def _inputs(name: str, pictures: list[Picture], progress: Progress) -> list[NDArray[np.float32]]:
    """Return what the network is given for each picture, float32 (1, 3, height, width)."""
    model = find_model(name)
    if model.task == "detector":
        return detector_inputs(pictures, progress.stage("read", len(pictures)))
    step = progress.stage("find faces", len(pictures))
    chips = read_chips(
        YunetDetector(OnnxRuntimeEngine(fetch("yunet")), blended=True), pictures, step
    )
    return chips_to_inputs(chips, model.colour_order)


def _ranges(
    path: Path,
    graph: Graph,
    names: list[str],
    inputs: list[NDArray[np.float32]],
    options: Options,
    progress: Progress,
) -> dict[str, Ranges]:
    """Measure the ranges, or read what a run before had measured."""
    if not path.is_file():
        step = progress.stage("measure ranges", len(inputs))
        found = measure_ranges(graph, names, inputs, seed=options.seed, progress=step)
        arrays: dict[str, Any] = {f"{i}s": found[n].samples for i, n in enumerate(names)}
        arrays |= {f"{i}p": found[n].peaks for i, n in enumerate(names)}
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        write_atomically(path, buffer.getvalue(), mode=0o600)
    with np.load(path) as stored:
        return {n: Ranges(stored[f"{i}s"], stored[f"{i}p"]) for i, n in enumerate(names)}
