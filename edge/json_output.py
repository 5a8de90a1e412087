"""What commands print with `--json`, where it is not a value of another folder already.

Fields are printed in this order, under these names.
"""

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


class Checked(msgspec.Struct, frozen=True):
    """`engines check`: the linter's findings by file."""

    files: dict[str, list[Any]]
    passed: bool


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


class Match(msgspec.Struct, frozen=True):
    """Somebody in the gallery, and the cosine similarity of their template with a face."""

    id: str
    name: str
    score: float


class Matches(msgspec.Struct, frozen=True):
    """`gallery search`: best first; `threshold` is what the first needs to be named."""

    image: str
    threshold: float
    people: list[Match]


class Verified(msgspec.Struct, frozen=True):
    """`gallery verify`: the releases there are, and a sentence for each damage."""

    gallery: str
    releases: list[int]
    problems: list[str]


class Exported(msgspec.Struct, frozen=True):
    """`gallery export`."""

    gallery: str
    output: str
    people: int


class Differs(msgspec.Struct, frozen=True):
    """`gallery diff`; the lists are those of `gallery.inspect.compare.Difference`."""

    same: bool
    model: tuple[str, ...]
    added: list[str]
    removed: list[str]
    text: list[str]
    templates: list[str]


class Receipt(msgspec.Struct, frozen=True):
    """`privacy-check`: each line is an `edge.privacy.verdict.Line`."""

    ok: bool
    lines: list[Any]


class KeysMade(msgspec.Struct, frozen=True):
    """`gallery keys init`; `root` is the file to ship with every device."""

    home: str
    root: str


class KeyRotated(msgspec.Struct, frozen=True):
    """`gallery keys rotate`: the new key, and the bytes sent by address."""

    role: str
    key: str
    sent: dict[str, int]


class Renewed(msgspec.Struct, frozen=True):
    """`gallery keys renew`: the roles that were signed, and the bytes sent by address."""

    signed: list[str]
    sent: dict[str, int]


class Published(msgspec.Struct, frozen=True):
    """`gallery publish` and `gallery rollout …`.

    Attributes:
        release: its number.
        bytes: of all its files.
        share: of the devices that may install it, in percent.
        paused: nobody else may install it for now.
        sent: bytes by address.
    """

    release: int
    bytes: int
    share: float
    paused: bool
    sent: dict[str, int]


class RolloutDecided(msgspec.Struct, frozen=True):
    """`gallery rollout watch`: the plan (`gallery.publish.rollout.Plan`) and how it ended."""

    plan: Any
    decision: str
