"""Open a model in the precision that was asked for, or in the faster one that is proven."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import time
from typing import TYPE_CHECKING, Literal, cast, get_args

import msgspec
import numpy as np
import onnxruntime as ort

from engines.catalog import find_model
from engines.embedder import MAX_BATCH
from engines.errors import CacheFolderError, EngineGateError, UnknownPrecisionError
from engines.fetch import fetch
from engines.files import BAD_JSON, cache_dir, write_atomically
from engines.int8_files import current_int8, require_int8, require_passed
from engines.onnxruntime_engine import OnnxRuntimeEngine

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

log = logging.getLogger(__name__)

Precision = Literal["auto", "fp32", "int8"]
Backend = Literal["auto", "onnxruntime", "tensorrt", "tensorrt-rtx"]

DETECTOR_SIZE_PX = (384, 640)
"""Height and width of the frame that a detector is timed with: 640x360, padded."""
TRIALS = 9
GAIN = 1.05
"""INT8 must be this much faster to be preferred: FP32 is the reference, and clocks jitter."""


def precision_of_environment() -> Precision:
    """Return what TVRADAR_PRECISION asks for; `auto` without it.

    Raises:
        UnknownPrecisionError: it asks for something else.
    """
    found = os.environ.get("TVRADAR_PRECISION", "auto")
    for known in get_args(Precision):
        if found == known:
            return cast("Precision", known)
    raise UnknownPrecisionError(
        f"TVRADAR_PRECISION: {found!r}, expected one of {', '.join(get_args(Precision))}"
    )


def open_engine(
    name: str,
    *,
    precision: Precision = "auto",
    threads: int = 1,
    unverified: bool = False,
) -> OnnxRuntimeEngine:
    """Open a model of the catalog in ONNX Runtime; it is fetched when it is not cached.

    Args:
        name: of the catalog.
        precision: `auto` takes INT8 if there is a file that passed the parity gate and it is
            faster than FP32 here, measured once.
        threads: threads for one run.
        unverified: load an INT8 file without a passed gate; its `kind` then says so.

    Raises:
        ModelMissingError: INT8 was asked for and was never made.
        EngineGateError: the INT8 file did not pass the gate.
    """
    if precision == "int8":
        return _open_int8(name, require_int8(name), threads=threads, unverified=unverified)
    path = current_int8(name)
    if precision == "auto" and path is not None:
        try:
            return _faster(name, path, threads)
        except EngineGateError as error:
            log.warning("%s; runs in FP32", error)
    return OnnxRuntimeEngine(fetch(name), threads=threads, keep=True)


def _open_int8(name: str, path: Path, *, threads: int, unverified: bool) -> OnnxRuntimeEngine:
    try:
        require_passed(name, path)
    except EngineGateError:
        if not unverified:
            raise
        log.warning("%s: not verified against FP32", path.name)
        return OnnxRuntimeEngine(path, threads=threads, precision="int8", note="unverified")
    return OnnxRuntimeEngine(path, threads=threads, precision="int8", keep=True)


def _faster(name: str, path: Path, threads: int) -> OnnxRuntimeEngine:
    require_passed(name, path)
    cache = cache_dir() / "speed" / f"{_machine_key(path, threads)}.json"
    try:
        times = msgspec.json.decode(cache.read_bytes(), type=dict[str, float])
        ratio = times["fp32_ms"] / times["int8_ms"]
    except (FileNotFoundError, *BAD_JSON, KeyError, ZeroDivisionError):
        ratio = _measured_ratio(name, path, threads, cache)
    log.info("%s: INT8 is %.2f times as fast as FP32 here", name, ratio)
    if ratio >= GAIN:
        return OnnxRuntimeEngine(path, threads=threads, precision="int8", keep=True)
    return OnnxRuntimeEngine(fetch(name), threads=threads, keep=True)


def _measured_ratio(name: str, path: Path, threads: int, cache: Path) -> float:
    """Return how many times as fast INT8 is, measured now and noted for the next start."""
    int8 = OnnxRuntimeEngine(path, threads=threads, precision="int8", keep=True)
    fp32 = OnnxRuntimeEngine(fetch(name), threads=threads, keep=True)
    times, batch = {"fp32_ms": 0.0, "int8_ms": 0.0}, example(name, 1)
    for _ in range(2):
        times["fp32_ms"] = time_ms(fp32, batch)
        times["int8_ms"] = time_ms(int8, batch)
    try:
        write_atomically(cache, msgspec.json.encode(times))
    except CacheFolderError as error:
        log.warning("%s; measured again at the next start", error)
    for engine in (int8, fp32):
        engine.close()
    return times["fp32_ms"] / times["int8_ms"]


def _machine_key(path: Path, threads: int) -> str:
    parts = (path.name, ort.__version__, platform.processor(), platform.node(), str(threads))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def example(name: str, batch: int) -> dict[str, NDArray[np.float32]]:
    """Return an input of the size that a model is used with; noise, since speed is all it shows."""
    random = np.random.default_rng(0)
    if find_model(name).task == "detector":
        size, key = DETECTOR_SIZE_PX, "input"
    else:
        size, key, batch = (112, 112), "data", min(batch, MAX_BATCH)
    return {key: random.integers(0, 256, (batch, 3, *size)).astype(np.float32)}


def time_ms(
    engine: OnnxRuntimeEngine, inputs: dict[str, NDArray[np.float32]], trials: int = TRIALS
) -> float:
    """Return the median time of one run in ms, after two runs to warm up."""
    spent = []
    for i in range(trials + 2):
        start = time.perf_counter()
        engine.run(inputs)
        if i >= 2:
            spent.append(time.perf_counter() - start)
    return float(np.median(spent)) * 1e3
