"""From a model of the catalog to the plan that this device runs.

For each precision: find the plan in the cache or build it; then measure those plans, run the gate
on them, and keep the fastest that passed. INT8 is not faster than FP16 on every device, so nothing
is assumed. Every step leaves a whole plan or record behind: a killed build resumes at the plan that
it was at.
"""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import onnx

from engines.catalog import find_model, model_identity
from engines.errors import ModelMissingError
from engines.fetch import fetch
from engines.files import BAD_JSON, cache_dir, write_atomically
from engines.foreign_onnx import read_known
from engines.int8_files import current_int8, models_dir
from engines.onnx_models.fp16 import to_half
from engines.tensorrt.bindings import rtx_in_use
from engines.tensorrt.build import (
    DETECTOR_SIZES_PX,
    BuildOptions,
    build_plan,
    detector_profiles,
    embedder_profiles,
)
from engines.tensorrt.plan_cache import GateVerdict, PlanCache, PlanKey, PlanRecord, Precision

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import tensorrt as trt

    from engines.tensorrt.build import Progress
    from engines.tensorrt.plan_cache import ProfileShapes

log = logging.getLogger(__name__)

HALF_REVISION = 1
"""Raised when `to_half` writes other bytes."""

L4T_RELEASE = Path("/etc/nv_tegra_release")


@dataclass(frozen=True, slots=True)
class Platform:
    """What a plan is tied to besides its graph."""

    tensorrt: str
    compute_capability: str
    device: str
    l4t: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One graph of a model that could be built."""

    model: str
    precision: Precision
    onnx_path: Path
    calibration_sha256: str = ""


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which plan of a model is in use, and why; `plan` names the key."""

    model: str
    plan: str
    precision: Precision
    why: str


def plans_dir() -> Path:
    """Return the folder of the plan cache; TensorRT-RTX has one of its own."""
    return cache_dir() / ("plans-rtx" if rtx_in_use() else "plans")


def read_l4t_release(path: Path = L4T_RELEASE) -> str:
    """Return the release of the board support package, `R36.4.3`; empty off a Jetson."""
    try:
        words = path.read_text(errors="replace").replace(",", " ").split()
    except OSError:
        return ""
    # The file begins: "# R36 (release), REVISION: 4.3, GCID: …"
    major = next((word for word in words if word.startswith("R") and word[1:].isdigit()), "")
    revision = words[words.index("REVISION:") + 1] if "REVISION:" in words[:-1] else ""
    return f"{major}.{revision}" if revision else major


def profiles_of(
    name: str, sizes_px: Sequence[tuple[int, int]] = DETECTOR_SIZES_PX
) -> tuple[ProfileShapes, ...]:
    """Return the profiles of a catalog model."""
    if find_model(name).task == "detector":
        return detector_profiles(sizes_px)
    return embedder_profiles()


def candidate(name: str, precision: Precision) -> Candidate:
    """Return the graph of a model in a precision; FP16 is made when it is not here yet.

    Raises:
        ModelMissingError: INT8 was asked for and was never calibrated.
    """
    if precision == "int8":
        path = current_int8(name)
        if path is None:
            raise ModelMissingError(
                f"model {name}: no INT8 graph in {cache_dir() / 'models'}, expected one; run "
                f'"tvradar calibrate int8 --model {name} --images DIR", or build another precision'
            )
        record = path.with_suffix(".json")
        digest = hashlib.sha256(record.read_bytes()).hexdigest() if record.is_file() else ""
        return Candidate(name, precision, path, digest)
    fp32 = fetch(name)
    return Candidate(name, precision, fp32 if precision == "fp32" else _half_path(fp32))


def _half_path(fp32: Path) -> Path:
    key = hashlib.sha256(fp32.read_bytes()).hexdigest()[:12]
    name = f"{fp32.name.partition('-fp32-')[0]}-fp16-{key}-h{HALF_REVISION}.onnx"
    path = models_dir() / name  # where the FP32 file was shipped one may not write
    half = to_half(onnx.load_from_string(read_known(fp32))).SerializeToString(deterministic=True)
    if not path.is_file() or path.read_bytes() != half:  # no other bytes reach TensorRT's parser
        write_atomically(path, half)
    return path


def available(name: str) -> list[Candidate]:
    """Return what a device would use: INT8, if it was calibrated, and FP16."""
    precisions: list[Precision] = ["int8", "fp16"] if current_int8(name) else ["fp16"]
    return [candidate(name, precision) for precision in precisions]


def plan_key(
    one: Candidate,
    platform: Platform,
    options: BuildOptions,
    profiles: tuple[ProfileShapes, ...],
) -> PlanKey:
    """Return the name of the plan of a candidate on a platform.

    Raises:
        ModelIntegrityError: its graph is not ours by its sha256, and no sane graph.
    """
    return PlanKey(
        model=model_identity(one.model),
        precision=one.precision,
        tensorrt=platform.tensorrt,
        compute_capability=platform.compute_capability,
        device=platform.device,
        l4t=platform.l4t,
        fp32_sha256=find_model(one.model).fp32_sha256,
        model_sha256=hashlib.sha256(read_known(one.onnx_path)).hexdigest(),
        calibration_sha256=one.calibration_sha256,
        profiles=profiles,
        flags=options.flags(),
    )


def ensure_plan(
    cache: PlanCache,
    key: PlanKey,
    onnx_path: Path,
    options: BuildOptions,
    *,
    progress: Progress | None = None,
    target: Callable[[trt.IBuilderConfig], None] | None = None,
) -> tuple[PlanRecord, bool]:
    """Return the record of a plan, and whether it had to be built; the cache's lock is held.

    Raises:
        GraphRefusedError: TensorRT does not take the graph.
    """
    found = cache.find(key)
    if found is not None:
        return found, False
    started = time.monotonic()
    plan = build_plan(
        onnx_path,
        key.profiles,
        options,
        sha256=key.model_sha256,
        progress=progress,
        target=target,
    )
    record = PlanRecord(
        key=key,
        plan_sha256=hashlib.sha256(plan).hexdigest(),
        plan_bytes=len(plan),
        built_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        build_s=round(time.monotonic() - started, 2),
    )
    cache.put(record, plan)
    cache.collect(key)
    return record, True


def choose(records: Sequence[PlanRecord]) -> tuple[PlanRecord | None, str]:
    """Return the fastest plan that passed the gate, and why; None if none did.

    Speed is the latency of the first entry of `latency_ms`: the shape that is used the most.
    """
    passed = [r for r in records if r.gate is not None and r.gate.passed and r.latency_ms]
    if not passed:
        states = {r.key.precision: _state(r) for r in records}
        return None, "; ".join(f"{p}: {s}" for p, s in states.items()) or "no plan was built"
    best = min(passed, key=_speed)
    others = [r for r in records if r is not best]
    why = f"{best.key.precision} takes {_speed(best):.2f} ms"
    for other in others:
        found = f"{_speed(other):.2f} ms" if other in passed else _state(other)
        why += f", {other.key.precision}: {found}"
    return best, why


def _speed(record: PlanRecord) -> float:
    return next(iter((record.latency_ms or {}).values()))


def _state(record: PlanRecord) -> str:
    if record.gate is None:
        return "the gate never ran"
    if not record.gate.passed:
        return f"refused by the gate ({record.gate.detail})"
    return "never measured"


def write_choice(cache_folder: Path, choice: Choice) -> None:
    """Let this plan be the one in use."""
    data = msgspec.json.format(msgspec.json.encode(choice), indent=1)
    write_atomically(cache_folder / f"{choice.model}.choice", data + b"\n")


def read_choice(cache_folder: Path, model: str) -> Choice | None:
    """Return which plan of a model (`sface-2021dec`) is in use."""
    try:
        data = (cache_folder / f"{model}.choice").read_bytes()
        return msgspec.json.decode(data, type=Choice)
    except (FileNotFoundError, *BAD_JSON):
        return None


def gate_verdict(figures: dict[str, float], failures: Sequence[str]) -> GateVerdict:
    """Return the verdict as a record keeps it."""
    return GateVerdict(passed=not failures, figures=figures, detail="; ".join(failures))
