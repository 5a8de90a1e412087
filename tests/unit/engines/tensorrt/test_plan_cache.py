from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import msgspec
import pytest

from engines.tensorrt.build import BuildOptions, detector_profiles, embedder_profiles
from engines.tensorrt.errors import CacheBusyError, PlanError, PlanUnverifiedError
from engines.tensorrt.plan_cache import (
    GateVerdict,
    PlanCache,
    PlanKey,
    PlanRecord,
    require_verified,
)

if TYPE_CHECKING:
    from pathlib import Path

KEY = PlanKey(
    model="sface-2021dec",
    precision="int8",
    tensorrt="10.3.0.30",
    compute_capability="8.7",
    device="Orin",
    l4t="R36.4.3",
    fp32_sha256="ef" * 32,
    model_sha256="ab" * 32,
    calibration_sha256="cd" * 32,
    profiles=embedder_profiles(),
    flags=BuildOptions().flags(),
)


def record_of(key: PlanKey, plan: bytes, gate: GateVerdict | None = None) -> PlanRecord:
    return PlanRecord(
        key=key,
        plan_sha256=hashlib.sha256(plan).hexdigest(),
        plan_bytes=len(plan),
        built_at="2026-11-23T00:00:00Z",
        build_s=1.5,
        gate=gate,
    )


def test_a_plan_is_found_by_its_whole_key_only(tmp_path: Path) -> None:
    cache = PlanCache(tmp_path)
    assert cache.find(KEY) is None
    cache.put(record_of(KEY, b"plan"), b"plan")
    assert cache.find(KEY) == record_of(KEY, b"plan")
    assert cache.plan_path(KEY).read_bytes() == b"plan"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", "sface-2022"),
        ("precision", "fp16"),
        ("tensorrt", "10.3.0.31"),
        ("compute_capability", "11.0"),
        ("device", "Thor"),
        ("l4t", "R36.4.4"),
        ("fp32_sha256", "00" * 32),
        ("model_sha256", "00" * 32),
        ("calibration_sha256", ""),
        ("profiles", detector_profiles()),
        ("flags", BuildOptions(workspace_mib=1).flags()),
        ("format", 2),
    ],
)
def test_each_part_of_the_key_matters(tmp_path: Path, field: str, value: object) -> None:
    cache = PlanCache(tmp_path)
    cache.put(record_of(KEY, b"plan"), b"plan")
    assert cache.find(msgspec.structs.replace(KEY, **{field: value})) is None


def test_every_field_of_the_key_is_tried_above() -> None:
    marks = test_each_part_of_the_key_matters.pytestmark  # type: ignore[attr-defined]
    assert {row[0] for row in marks[0].args[1]} == set(PlanKey.__struct_fields__)


def test_the_digest_is_the_same_in_every_process() -> None:
    # Pinned: a change makes all devices build again; raise FORMAT when that is meant.
    assert KEY.digest == "4e59884be445b026"


@pytest.mark.parametrize("damage", [b"", b"plaN", b"plan and more"])
def test_a_damaged_plan_is_a_miss(tmp_path: Path, damage: bytes) -> None:
    cache = PlanCache(tmp_path)
    cache.put(record_of(KEY, b"plan"), b"plan")
    assert cache.read(record_of(KEY, b"plan")) == b"plan"
    cache.plan_path(KEY).write_bytes(damage)
    assert cache.find(KEY) is None
    with pytest.raises(PlanError, match="as recorded"):
        cache.read(record_of(KEY, b"plan"))


def test_a_plan_without_record_and_a_record_without_plan_are_misses(tmp_path: Path) -> None:
    cache = PlanCache(tmp_path)
    cache.put(record_of(KEY, b"plan"), b"plan")
    (tmp_path / f"{KEY.name}.json").rename(tmp_path / "aside")
    assert cache.find(KEY) is None
    (tmp_path / "aside").rename(tmp_path / f"{KEY.name}.json")
    cache.plan_path(KEY).unlink()
    assert cache.find(KEY) is None


def test_a_record_of_another_version_is_ignored(tmp_path: Path) -> None:
    cache = PlanCache(tmp_path)
    for data in (b'{"key": {"model": "sface"}}', b'{"key": {"model": "\xff"}}', b"\xff"):
        (tmp_path / f"{KEY.name}.json").write_bytes(data)
        assert cache.find(KEY) is None
    assert cache.records() == []


def test_collect_removes_old_keys_and_leftovers_only(tmp_path: Path) -> None:
    cache = PlanCache(tmp_path)
    old = msgspec.structs.replace(KEY, tensorrt="10.2.0")
    fp16 = msgspec.structs.replace(KEY, precision="fp16")
    detector = msgspec.structs.replace(KEY, model="yunet-2023mar", tensorrt="10.2.0")
    for key in (old, fp16, detector, KEY):
        cache.put(record_of(key, b"plan"), b"plan")
    (tmp_path / f".{KEY.name}.plan.x7fj2k").write_bytes(b"half")
    removed = cache.collect(KEY)
    assert removed == sorted([f".{KEY.name}.plan.x7fj2k", f"{old.name}.json", f"{old.name}.plan"])
    assert cache.find(old) is None
    assert all(cache.find(key) for key in (KEY, fp16, detector))


def test_a_dropped_plan_is_gone(tmp_path: Path) -> None:
    cache = PlanCache(tmp_path)
    cache.put(record_of(KEY, b"plan"), b"plan")
    cache.drop(KEY)
    assert cache.find(KEY) is None
    assert list(tmp_path.iterdir()) == []


def test_only_one_process_builds(tmp_path: Path) -> None:
    with (
        PlanCache(tmp_path).lock(),
        pytest.raises(CacheBusyError, match="another process is building"),
        PlanCache(tmp_path).lock(),
    ):
        pass
    with PlanCache(tmp_path).lock():
        pass


WRITER = """
import hashlib, sys, msgspec
from pathlib import Path
from engines.tensorrt.plan_cache import PlanCache, PlanRecord
cache = PlanCache(Path(sys.argv[1]))
record = msgspec.json.decode(sys.argv[2], type=PlanRecord)
with cache.lock():
    print("writing", flush=True)
    for i in range(100000):
        plan = bytes([i % 251]) * 3_000_000
        sha = hashlib.sha256(plan).hexdigest()
        cache.put(msgspec.structs.replace(record, plan_sha256=sha, plan_bytes=len(plan)), plan)
"""


@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.05, 0.09])
def test_kill_9_leaves_a_whole_plan_or_none(tmp_path: Path, after_s: float) -> None:
    cache = PlanCache(tmp_path)
    text = msgspec.json.encode(record_of(KEY, b"")).decode()
    command = [sys.executable, "-c", WRITER, str(tmp_path), text]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    assert child.stdout is not None
    assert child.stdout.readline() == b"writing\n"
    time.sleep(after_s)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    found = cache.find(KEY)  # either a miss, or a plan with the sha256 of its record
    plan = cache.plan_path(KEY)
    assert not plan.exists() or plan.stat().st_size == 3_000_000
    assert found is None or found.plan_bytes == 3_000_000
    with cache.lock():  # the dead process holds no lock
        cache.put(record_of(KEY, b"plan"), b"plan")
        cache.collect(KEY)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        ".lock",
        f"{KEY.name}.json",
        f"{KEY.name}.plan",
    ]


def test_an_unproved_plan_is_refused() -> None:
    with pytest.raises(PlanUnverifiedError, match="gate never ran"):
        require_verified(record_of(KEY, b"plan"))
    failed = GateVerdict(passed=False, figures={"cosine_mean": 0.91})
    with pytest.raises(PlanUnverifiedError, match=r"cosine_mean 0\.91") as refused:
        require_verified(record_of(KEY, b"plan", failed))
    assert refused.value.exit_code == 3
    require_verified(record_of(KEY, b"plan", failed), allow_unverified=True)
    require_verified(record_of(KEY, b"plan", GateVerdict(passed=True, figures={})))
