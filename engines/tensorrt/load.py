"""Load the engine that `tvradar engines build` chose. Not run on hardware."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from engines.catalog import find_model, model_identity
from engines.errors import ModelMissingError
from engines.tensorrt.bindings import build_command
from engines.tensorrt.errors import PlanError
from engines.tensorrt.plan_cache import PlanCache, require_verified
from engines.tensorrt.provision import plans_dir, read_choice
from engines.tensorrt.runtime import TensorRtEngine

if TYPE_CHECKING:
    from engines.tensorrt.device import Device
    from engines.tensorrt.plan_cache import PlanRecord
    from engines.tensorrt.provision import Platform

log = logging.getLogger(__name__)


def chosen_record(
    name: str, platform: Platform, *, precision: str = "auto", unverified: bool = False
) -> PlanRecord:
    """Return the record of the plan in use of a catalog model.

    Args:
        name: of the catalog.
        platform: of this device; a plan of another one is not used.
        precision: take a plan of this precision only; `auto` takes the one that was chosen.
        unverified: take a plan that the gate did not pass, the newest there is.

    Raises:
        ModelMissingError: nothing was built here.
        PlanUnverifiedError: what was built was not proven.
        PlanError: it was built for another TensorRT or device, or from another model.
    """
    cache = PlanCache(plans_dir())
    identity = model_identity(name)
    choice = read_choice(plans_dir(), identity)
    records = [r for r in cache.records() if r.key.model == identity]
    if precision != "auto":
        records = [r for r in records if r.key.precision == precision]
    chosen = [r for r in records if choice is not None and r.key.name == choice.plan]
    if not chosen:
        chosen = sorted(records, key=lambda r: r.built_at, reverse=True)
    if not chosen:
        raise ModelMissingError(
            f"model {name}: no {'' if precision == 'auto' else precision + ' '}TensorRT engine in "
            f"{plans_dir()}, expected one; run "
            f'"{build_command()}", or run with ONNX Runtime'
        )
    record = chosen[0]
    key = record.key
    built_for = (key.tensorrt, key.compute_capability, key.device, key.l4t)
    here = (platform.tensorrt, platform.compute_capability, platform.device, platform.l4t)
    if built_for != here:
        raise PlanError(
            f"{key.name}: built for {built_for} (TensorRT, capability, device, L4T), expected "
            f'{here}; run "tvradar engines build" again'
        )
    ours = find_model(name).fp32_sha256
    if key.fp32_sha256 != ours:
        raise PlanError(
            f"{key.name}: made from the graph {key.fp32_sha256[:12]}, expected {ours[:12]} of the "
            'catalog; run "tvradar engines build" again'
        )
    require_verified(record, allow_unverified=unverified)
    return record


def open_chosen(
    name: str,
    device: Device,
    platform: Platform,
    *,
    precision: str = "auto",
    high_priority: bool = False,
    unverified: bool = False,
) -> TensorRtEngine:
    """Load the plan in use; see `chosen_record` for what is refused.

    Raises:
        PlanError: it is damaged, or TensorRT does not load it; it is removed, so that the next
            build makes it again.
    """
    cache = PlanCache(plans_dir())
    record = chosen_record(name, platform, precision=precision, unverified=unverified)
    proven = record.gate is not None and record.gate.passed
    told = record.key.precision + ("" if proven else " unverified")
    plan = cache.read(record)
    try:
        return TensorRtEngine(plan, device, precision=told, high_priority=high_priority)
    except PlanError:
        cache.drop(record.key)
        raise
