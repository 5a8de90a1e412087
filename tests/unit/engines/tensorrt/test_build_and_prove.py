"""`tvradar engines build` behind the builder: measure, prove, choose, on plans of host memory."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from typer.testing import CliRunner

from calibration.gate.tensorrt import BuildRequest, build_model, fit, flatten
from edge.cli import engines_build
from engines.fetch import fetch
from engines.tensorrt import provision
from engines.tensorrt.build import BuildOptions
from engines.tensorrt.errors import PlanError
from engines.tensorrt.load import open_chosen
from engines.tensorrt.pair import platform_of
from engines.tensorrt.plan_cache import PlanCache, PlanRecord
from tests.free import Free, variants

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS = BuildOptions()
SIZES = ((640, 384),)


@pytest.fixture
def people(tmp_path: Path, free: Free) -> Path:
    """60 pictures of five photographs' faces, in one folder each."""
    for face in free.faces:
        variants(face, tmp_path / "people" / face.stem, 12)
    return tmp_path / "people"


def drifted(path: Path) -> bytes:
    """The graph with one weight tensor perturbed."""
    model = onnx.load(path)
    weights = [t for t in model.graph.initializer if len(t.dims) == 4]
    tensor = weights[len(weights) // 2]
    array = numpy_helper.to_array(tensor)
    noise = np.random.default_rng(0).normal(0, array.std(), array.shape)
    tensor.CopyFrom(numpy_helper.from_array((array + noise).astype(np.float32), tensor.name))
    return model.SerializeToString()


def put_plan(trt: Any, name: str, plan: bytes) -> PlanRecord:
    """Put a plan under the key that the build looks for."""
    trt.profiles = provision.profiles_of(name, SIZES)
    one = provision.candidate(name, "fp32")
    key = provision.plan_key(one, platform_of(trt.device), OPTIONS, trt.profiles)
    record = PlanRecord(
        key=key,
        plan_sha256=hashlib.sha256(plan).hexdigest(),
        plan_bytes=len(plan),
        built_at="2026-11-23",
        build_s=1,
    )
    PlanCache(provision.plans_dir()).put(record, plan)
    return record


@pytest.fixture
def own_plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plan cache of this test's own; the models stay where they are."""
    monkeypatch.setenv("TVRADAR_MODELS", str(fetch("yunet").parent))
    fetch("sface")
    monkeypatch.setenv("TVRADAR_CACHE", str(tmp_path))
    return provision.plans_dir()


def built(trt: Any, name: str, images: Path | None) -> tuple[list[PlanRecord], Any, str]:
    request = BuildRequest([name], "fp32", SIZES, OPTIONS, images, warm_up=1, trials=1)
    return build_model(name, request, trt.device, PlanCache(provision.plans_dir()))


@pytest.mark.parametrize("name", ["sface", "yunet"])
def test_a_true_engine_passes_and_is_in_use(
    host_trt: Any, own_plans: Path, people: Path, name: str
) -> None:
    put_plan(host_trt, name, fetch(name).read_bytes())
    ((record,), choice, _) = built(host_trt, name, people)
    assert record.gate is not None
    assert record.gate.passed, record.gate.detail
    assert record.latency_ms is not None
    assert min(record.latency_ms.values()) > 0
    assert choice.plan == record.key.name
    engine = open_chosen(name, host_trt.device, platform_of(host_trt.device))
    assert engine.kind == "tensorrt fp32"


def test_a_drifted_engine_is_refused_with_the_figures(
    host_trt: Any, own_plans: Path, people: Path
) -> None:
    put_plan(host_trt, "sface", drifted(fetch("sface")))
    ((record,), choice, why) = built(host_trt, "sface", people)
    assert record.gate is not None
    assert not record.gate.passed
    assert record.gate.figures["cosine.mean"] < 0.995
    assert choice is None
    assert "cosine mean" in why


def test_a_plan_that_does_not_load_is_dropped(host_trt: Any, own_plans: Path) -> None:
    record = put_plan(host_trt, "yunet", b"of another device")
    with pytest.raises(PlanError, match="does not load it"):
        built(host_trt, "yunet", None)
    assert PlanCache(own_plans).find(record.key) is None


def test_without_pictures_nothing_is_in_use(host_trt: Any, own_plans: Path) -> None:
    put_plan(host_trt, "yunet", fetch("yunet").read_bytes())
    ((record,), choice, why) = built(host_trt, "yunet", None)
    assert (record.gate, choice) == (None, None)
    assert why == "fp32: the gate never ran"


def test_pictures_are_fitted_to_the_detectors_input() -> None:
    bgr = np.full((200, 1000, 3), 9, np.uint8)
    fitted = fit(bgr, (640, 384))
    assert fitted.shape == (384, 640, 3)
    assert (fitted[:128, :640] == 9).all()
    assert not fitted[128:].any()


def test_figures_are_flattened_without_flags() -> None:
    figures: dict[str, object] = {"cosine": {"mean": 1}, "passed": True, "runtime": "x"}
    assert flatten(figures) == {"cosine.mean": 1.0}


@pytest.mark.parametrize("size", ["640x380", "640", "x", "640x384x3", "0x0", "8192x32"])
def test_sizes_that_the_detector_cannot_take_are_refused(size: str) -> None:
    app = engines_build.typer.Typer()
    app.command()(engines_build.build_engines)
    result = CliRunner().invoke(app, ["--size", size])
    assert result.exit_code == 2
    assert "multiples of 32" in result.output


def test_the_help_says_what_was_not_run() -> None:
    app = engines_build.typer.Typer()
    app.command()(engines_build.build_engines)
    assert "not run on hardware" in CliRunner().invoke(app, ["--help"]).output
