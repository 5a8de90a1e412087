"""What the commands of models and devices print."""

from __future__ import annotations

from typing import Any

import msgspec


class Examined(msgspec.Struct, frozen=True):
    """`doctor`: each finding is an `edge.doctor.checks.Finding`."""

    findings: list[Any]


class EngineRow(msgspec.Struct, frozen=True):
    """A model of the catalog, and its files here.

    Attributes:
        model, version, task, licence: as the catalog has them.
        path: where the FP32 graph is, or would be.
        present: whether it is there, whole.
        fp32_mb: its size, 0 where it is missing.
        int8_path: the INT8 file, empty where there is none.
        int8_status: its size and what the gate said, or how to make one.
    """

    model: str
    version: str
    task: str
    licence: str
    path: str
    present: bool
    fp32_mb: float
    int8_path: str
    int8_status: str


class EngineRows(msgspec.Struct, frozen=True):
    """`engines list`."""

    engines: list[EngineRow]


class EngineAdded(msgspec.Struct, frozen=True):
    """`engines add`: what --embedder takes, the name and version that galleries are bound to."""

    model: str
    identity: str
    sha256: str


class Checked(msgspec.Struct, frozen=True):
    """`engines check`: the linter's findings by file."""

    files: dict[str, list[Any]]
    passed: bool


class LayersCompared(msgspec.Struct, frozen=True):
    """`engines compare-layers`: each is an `engines.onnx_models.compare_layers.Layer`.

    `first_drifted` is the output of the first that lost too much, None where none did.
    """

    layers: list[Any]
    first_drifted: str | None


class BenchRow(msgspec.Struct, frozen=True):
    """One model at one number of threads and one batch; medians in milliseconds a batch.

    `int8_ms` and `ratio` (FP32 over INT8) are None where no INT8 file is in use.
    """

    model: str
    threads: int
    batch: int
    fp32_ms: float
    int8_ms: float | None
    ratio: float | None


class EngineTimes(msgspec.Struct, frozen=True):
    """`engines bench`."""

    onnxruntime: list[BenchRow]
    tensorrt: str = "not run on hardware"


class ComparedAll(msgspec.Struct, frozen=True):
    """`engines compare`: each pair is an `edge.cli.engines_compare.Compared`."""

    images: str
    fpir: float
    pairs: list[Any]


class PlansBuilt(msgspec.Struct, frozen=True):
    """`engines build`: `PlanRecord`s, and by model the `Choice` in use, None where none is."""

    plans: list[Any]
    chosen: dict[str, Any]


class DeepStreamWritten(msgspec.Struct, frozen=True):
    """`engines deepstream`: the names of the files in a folder."""

    folder: str
    files: list[str]
