"""Plans on disk, each under the name of everything that it depends on.

A plan is tied to the TensorRT version, the GPU and the platform, and TensorRT has no call that
tells beforehand whether a plan will load. So the name of a plan is a digest of all that it was made
from (`PlanKey`): after an update of JetPack, of a model or of its calibration another name is
looked for, is not there, and the plan is built again.

Two files a plan: `NAME.plan`, then `NAME.json` with the key, the plan's sha256 and the figures.
Each is written aside, synced and renamed; a plan counts only with a record that fits it, so a kill
at any moment leaves the old plan, the new one, or none.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import msgspec

from engines.files import BAD_JSON, write_atomically
from engines.tensorrt.errors import CacheBusyError, PlanError, PlanUnverifiedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

log = logging.getLogger(__name__)

Precision = Literal["int8", "fp16", "fp32"]

FORMAT = 1
"""Raised when the build does something else with the same key, so that old plans are not used."""


class ProfileShapes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The smallest, usual and largest shape of one input in one optimization profile."""

    input: str
    min: tuple[int, ...]
    opt: tuple[int, ...]
    max: tuple[int, ...]


class PlanKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that a plan depends on.

    Attributes:
        model: the model's identity, `sface-2021dec`.
        precision: of the graph: `int8` (Q/DQ), `fp16` or `fp32`.
        tensorrt: the full version, `10.3.0.30`; plans of another patch level do not load.
        compute_capability: `8.7`.
        device: the device's name, as the driver gives it.
        l4t: the release of the board support package (`R36.4.3`), empty off a Jetson.
        fp32_sha256: of the catalog's FP32 graph that the parsed file was made from.
        model_sha256: of the ONNX file that was parsed.
        calibration_sha256: of the calibration record; empty without one.
        profiles: one entry an optimization profile.
        flags: builder settings that change the plan, sorted.
    """

    model: str
    precision: Precision
    tensorrt: str
    compute_capability: str
    device: str
    l4t: str
    fp32_sha256: str
    model_sha256: str
    calibration_sha256: str
    profiles: tuple[ProfileShapes, ...]
    flags: tuple[str, ...]
    format: int = FORMAT

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that stand for the whole key."""
        data = msgspec.json.encode(self, order="deterministic")
        return hashlib.sha256(data).hexdigest()[:16]

    @property
    def name(self) -> str:
        """The file name without its ending."""
        return f"{self.model}-{self.precision}-{self.digest}"


class GateVerdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the parity gate said about a plan against the FP32 reference."""

    passed: bool
    figures: dict[str, float]
    detail: str = ""


class PlanRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is known about a plan; `gate` and `latency_ms` are None until they were measured."""

    key: PlanKey
    plan_sha256: str
    plan_bytes: int
    built_at: str
    build_s: float
    latency_ms: dict[str, float] | None = None
    gate: GateVerdict | None = None


class PlanCache:
    """The plans of this device.

    Args:
        folder: made when the first plan is put into it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def plan_path(self, key: PlanKey) -> Path:
        """Return where the plan of a key is, whether or not it is there."""
        return self._folder / f"{key.name}.plan"

    def find(self, key: PlanKey) -> PlanRecord | None:
        """Return the record of a whole plan with exactly this key, else None."""
        record = self._read(self._record_path(key))
        if record is None or record.key != key:
            return None
        if not self.plan_path(key).is_file():
            return None
        try:
            self.read(record)
        except PlanError as error:
            log.warning("%s", error)
            return None
        return record

    def read(self, record: PlanRecord) -> bytes:
        """Return a plan's bytes; no others than those of its record reach TensorRT.

        Raises:
            PlanError: it is gone, or its sha256 is another one.
        """
        path = self.plan_path(record.key)
        try:
            plan = path.read_bytes()
        except FileNotFoundError:
            plan = b""
        found = hashlib.sha256(plan).hexdigest()
        if found != record.plan_sha256:
            raise PlanError(
                f"{path.name}: sha256 is {found}, expected {record.plan_sha256} as recorded: the "
                'file is damaged, replaced or gone; run "tvradar engines build" again'
            )
        return plan

    def put(self, record: PlanRecord, plan: bytes) -> None:
        """Store a new plan; it is found once both of its files are whole."""
        write_atomically(self.plan_path(record.key), plan)
        self.note(record)

    def note(self, record: PlanRecord) -> None:
        """Store a record again, with figures that were measured since."""
        data = msgspec.json.format(msgspec.json.encode(record), indent=1)
        write_atomically(self._record_path(record.key), data + b"\n")

    def records(self) -> list[PlanRecord]:
        """Return the records of all plans, by name."""
        paths = sorted(self._folder.glob("*.json"))
        return [record for path in paths if (record := self._read(path)) is not None]

    def drop(self, key: PlanKey) -> None:
        """Remove a plan that does not load; without its record it is gone for every reader."""
        self._record_path(key).unlink(missing_ok=True)
        self.plan_path(key).unlink(missing_ok=True)

    def collect(self, key: PlanKey) -> list[str]:
        """Remove what the plan of `key` replaces, and what killed builds left; return the names.

        Call it with the lock held and after the new plan was put.
        """
        prefix = f"{key.model}-{key.precision}-"
        stale = [p for p in self._folder.glob(f"{prefix}*") if p.stem != key.name]
        stale += self._folder.glob(".*.plan.*")
        stale += self._folder.glob(".*.json.*")
        for path in sorted(stale, key=lambda p: p.suffix != ".json"):
            path.unlink(missing_ok=True)
        if stale:
            log.info("%s: removed %d stale files", self._folder, len(stale))
        return sorted(path.name for path in stale)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Let one process build at a time; the kernel frees the lock when a process is killed.

        Raises:
            CacheBusyError: another process is building.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CacheBusyError(
                    f"{self._folder}: another process is building engines, expected to be the "
                    'only one; wait for it and run "tvradar engines build" again'
                ) from None
            yield

    def _record_path(self, key: PlanKey) -> Path:
        return self._folder / f"{key.name}.json"

    def _read(self, path: Path) -> PlanRecord | None:
        try:
            return msgspec.json.decode(path.read_bytes(), type=PlanRecord)
        except FileNotFoundError:
            return None
        except BAD_JSON as error:
            log.warning("%s: not a record of this version (%s), ignored", path, error)
            return None


def require_verified(record: PlanRecord, *, allow_unverified: bool = False) -> None:
    """Refuse a plan for which the parity gate failed or never ran.

    Raises:
        PlanUnverifiedError: and the caller did not say that it knows.
    """
    if allow_unverified or (record.gate is not None and record.gate.passed):
        return
    if record.gate is None:
        found = "the parity gate never ran for it"
    else:
        figures = ", ".join(f"{k} {v:.4g}" for k, v in sorted(record.gate.figures.items()))
        found = f"the parity gate refused it ({record.gate.detail or figures})"
    raise PlanUnverifiedError(
        f"{record.key.name}: {found}, expected a plan that gives FP32's names; "
        'run "tvradar engines build --images DIR", or run with --unverified'
    )
