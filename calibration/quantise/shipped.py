"""The INT8 files that come with tvradar, as the text that makes them.

A recipe holds what a calibration found (scales, factors, which layers stay in float), the pictures
that it saw by sha256, source and licence, and the verdict of the parity gate about the file that it
makes. The file is used only where its bytes are those that the verdict is about.
"""

from __future__ import annotations

import hashlib
import logging
from importlib import resources
from typing import TYPE_CHECKING

import msgspec

from calibration.quantise.assemble import assemble
from calibration.quantise.int8 import Record, read_record, record_path
from engines.catalog import model_identity
from engines.fetch import fetch
from engines.files import write_atomically
from engines.foreign_onnx import read_known
from engines.int8_files import (
    Verdict,
    artefact_path,
    current_int8,
    make_current,
    read_verdict,
    verdict_path,
)

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)


class PictureSource(msgspec.Struct, frozen=True, kw_only=True):
    """A photograph that the calibration pictures were made of."""

    package: str
    member: str
    sha256: str
    credit: str


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """What makes one INT8 file, and what the gate said about it.

    Attributes:
        command: what made the calibration pictures and this recipe.
        sources: of the pictures.
        record: of the calibration.
        verdict: about the file of `record.int8_sha256`.
        judged_on: whose faces the gate compared.
    """

    command: str
    sources: tuple[PictureSource, ...]
    record: Record
    verdict: Verdict
    judged_on: str


def read_recipe(name: str) -> Recipe | None:
    """Return the recipe that comes with tvradar for a model of the catalog, if there is one."""
    file = resources.files("calibration.quantise") / "recipes" / f"{model_identity(name)}.json"
    if not file.is_file():
        return None
    return msgspec.json.decode(file.read_bytes(), type=Recipe)


def install_shipped(name: str) -> Path | None:
    """Make the INT8 file of a model from its recipe, and let it be the one in use.

    A file that the user calibrated stays the one in use.

    Returns:
        the file; None where none is shipped, or where other bytes came out than were judged: then
        FP32 runs.
    """
    recipe = read_recipe(name)
    return install(name, recipe) if recipe is not None else None


def install(name: str, recipe: Recipe) -> Path | None:
    """Make the INT8 file of a recipe; see `install_shipped`."""
    wanted = recipe.record.int8_sha256
    target = artefact_path(recipe.record.model, wanted[:12])
    if not target.is_file() or read_verdict(target) is None:
        made = recipe.record
        data = assemble(
            read_known(fetch(name)), made.factors, made.float_layers, made.scales, made.shifts
        )
        found = hashlib.sha256(data).hexdigest()
        if found != wanted:
            log.warning(
                "%s: the shipped INT8 recipe makes sha256 %s here, expected %s; FP32 runs. "
                'Install the pinned versions, or run "tvradar calibrate int8 --model %s"',
                *(name, found[:12], wanted[:12], name),
            )
            return None
        for path, value in ((record_path(target), made), (verdict_path(target), recipe.verdict)):
            write_atomically(path, msgspec.json.format(msgspec.json.encode(value)))
        write_atomically(target, data)
    if _may_replace(current_int8(name)):
        make_current(recipe.record.model, target)
    return target


def _may_replace(current: Path | None) -> bool:
    """Return whether the file in use is none, or one of another release's recipe."""
    if current is None:
        return True
    return record_path(current).is_file() and read_record(current).shipped
