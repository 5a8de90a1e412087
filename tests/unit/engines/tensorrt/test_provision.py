from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

import msgspec
import pytest

from engines.catalog import find_model
from engines.errors import ModelIntegrityError, ModelMissingError
from engines.fetch import fetch, present
from engines.tensorrt import provision
from engines.tensorrt.build import BuildOptions, embedder_profiles
from engines.tensorrt.errors import PlanError, PlanUnverifiedError
from engines.tensorrt.load import chosen_record, open_chosen
from engines.tensorrt.plan_cache import GateVerdict, PlanCache, PlanKey, PlanRecord
from engines.tensorrt.provision import (
    Candidate,
    Choice,
    Platform,
    candidate,
    choose,
    plan_key,
    read_l4t_release,
    write_choice,
)

if TYPE_CHECKING:
    from pathlib import Path

HERE = Platform("10.3.0.30", "8.7", "Orin", "R36.4.3")
PASSED = GateVerdict(passed=True, figures={})
FAILED = GateVerdict(passed=False, figures={}, detail="cosine mean 0.9")


def record(precision: str, ms: float | None, gate: GateVerdict | None) -> PlanRecord:
    key = PlanKey(
        model="sface-2021dec",
        precision=precision,  # type: ignore[arg-type]
        tensorrt=HERE.tensorrt,
        compute_capability=HERE.compute_capability,
        device=HERE.device,
        l4t=HERE.l4t,
        fp32_sha256=find_model("sface").fp32_sha256,
        model_sha256="",
        calibration_sha256="",
        profiles=embedder_profiles(),
        flags=BuildOptions().flags(),
    )
    return PlanRecord(
        key=key,
        plan_sha256=hashlib.sha256(precision.encode()).hexdigest(),
        plan_bytes=4,
        built_at="2026-11-23",
        build_s=1,
        latency_ms=None if ms is None else {"4x3x112x112": ms},
        gate=gate,
    )


@pytest.mark.parametrize(
    ("int8", "fp16", "best"),
    [
        ((1.0, PASSED), (2.0, PASSED), "int8"),
        ((2.0, PASSED), (1.0, PASSED), "fp16"),
        ((1.0, FAILED), (2.0, PASSED), "fp16"),
        ((1.0, None), (2.0, PASSED), "fp16"),
        ((None, PASSED), (2.0, PASSED), "fp16"),
        ((1.0, FAILED), (2.0, FAILED), None),
        ((1.0, None), (2.0, None), None),
    ],
)
def test_the_fastest_that_passed_is_kept(int8: tuple, fp16: tuple, best: str | None) -> None:
    chosen, why = choose([record("int8", *int8), record("fp16", *fp16)])
    assert (chosen and chosen.key.precision) == best
    assert "int8" in why
    assert "fp16" in why


def test_the_release_of_the_board_is_read(tmp_path: Path) -> None:
    path = tmp_path / "nv_tegra_release"
    path.write_text(
        "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64\n"
    )
    assert read_l4t_release(path) == "R36.4.3"
    assert read_l4t_release(tmp_path / "missing") == ""


@pytest.fixture
def plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TVRADAR_CACHE", str(tmp_path))
    return provision.plans_dir()


def stored(folder: Path, one: PlanRecord, *, chosen: bool) -> None:
    PlanCache(folder).put(one, one.key.precision.encode())
    if chosen:
        name, precision = one.key.name, one.key.precision
        write_choice(folder, Choice(model=one.key.model, plan=name, precision=precision, why=""))


def test_the_chosen_plan_is_loaded(plans: Path) -> None:
    stored(plans, record("fp16", 1.0, PASSED), chosen=True)
    stored(plans, record("int8", 2.0, PASSED), chosen=False)
    assert chosen_record("sface", HERE).key.precision == "fp16"


def test_nothing_built_says_what_to_run(plans: Path) -> None:
    with pytest.raises(ModelMissingError, match='run "tvradar engines build"') as missing:
        chosen_record("sface", HERE)
    assert missing.value.exit_code == 3


@pytest.mark.parametrize("gate", [None, FAILED])
def test_an_unproven_plan_needs_a_word(plans: Path, gate: GateVerdict | None) -> None:
    stored(plans, record("int8", 1.0, gate), chosen=False)
    with pytest.raises(PlanUnverifiedError) as refused:
        chosen_record("sface", HERE)
    assert refused.value.exit_code == 3
    assert chosen_record("sface", HERE, unverified=True).gate == gate


@pytest.mark.parametrize("field", ["tensorrt", "compute_capability", "device", "l4t"])
def test_a_plan_of_another_platform_is_refused(plans: Path, field: str) -> None:
    one = record("int8", 1.0, PASSED)
    other = msgspec.structs.replace(one, key=msgspec.structs.replace(one.key, **{field: "other"}))
    stored(plans, other, chosen=True)
    with pytest.raises(PlanError, match="other"):
        chosen_record("sface", HERE)


def test_a_plan_of_another_graph_than_the_catalogs_is_refused(plans: Path) -> None:
    one = record("int8", 1.0, PASSED)
    other = msgspec.structs.replace(one.key, fp32_sha256="0" * 64)
    stored(plans, msgspec.structs.replace(one, key=other), chosen=True)
    with pytest.raises(PlanError, match="made from the graph 000000000000"):
        chosen_record("sface", HERE)


def test_a_changed_plan_never_reaches_tensorrt(plans: Path) -> None:
    """The device is never asked for anything: the bytes are judged before it is."""
    one = record("int8", 1.0, PASSED)
    stored(plans, one, chosen=True)
    PlanCache(plans).plan_path(one.key).write_bytes(b"another plan")
    with pytest.raises(PlanError, match="as recorded"):
        open_chosen("sface", None, HERE)  # type: ignore[arg-type]


@pytest.mark.parametrize("evil", [b"garbage", b""])
def test_an_int8_graph_that_nobody_measured_gives_no_key(tmp_path: Path, evil: bytes) -> None:
    path = tmp_path / "sface-2021dec-int8-x.onnx"
    path.write_bytes(evil)
    one = Candidate("sface", "int8", path)
    with pytest.raises(ModelIntegrityError, match="is no ONNX graph"):
        plan_key(one, HERE, BuildOptions(), embedder_profiles())


def test_fp16_is_made_in_the_cache_where_the_model_was_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service may not write beside its software."""
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    path = fetch("yunet")
    shutil.copy(path, shipped)
    before = sorted(shipped.iterdir())
    monkeypatch.setenv("TVRADAR_MODELS", str(shipped))
    monkeypatch.setenv("TVRADAR_CACHE", str(tmp_path / "cache"))
    assert present("yunet") == shipped / path.name
    found = candidate("yunet", "fp16").onnx_path
    assert found.is_file()
    assert found.is_relative_to(tmp_path / "cache")
    good = found.read_bytes()
    found.write_bytes(b"another graph")
    assert candidate("yunet", "fp16").onnx_path.read_bytes() == good
    assert sorted(shipped.iterdir()) == before
