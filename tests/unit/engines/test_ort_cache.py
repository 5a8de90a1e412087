"""Models optimised once for this machine: the same outputs, and never in the way."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from engines.onnxruntime_engine import OnnxRuntimeEngine
from engines.ort_cache import prepared, prepared_path


@pytest.fixture
def model(tmp_path: Path, small: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TVRADAR_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "models" / "small.onnx"
    path.parent.mkdir()
    path.write_bytes(small.network().SerializeToString())
    return path


def test_a_kept_engine_gives_the_same_outputs_and_is_made_once(
    model: Path, small: SimpleNamespace, tmp_path: Path
) -> None:
    data = {"data": small.pictures(3)}
    plain = OnnxRuntimeEngine(model).run(data)["out"]
    kept = OnnxRuntimeEngine(model, keep=True).run(data)["out"]
    np.testing.assert_allclose(kept, plain, rtol=1e-4, atol=1e-4)
    path = prepared_path(model, "fp32")
    assert path.is_file()
    assert path.is_relative_to(tmp_path / "cache")
    made_ns = path.stat().st_mtime_ns
    assert OnnxRuntimeEngine(model, keep=True).kind == "onnxruntime fp32"
    assert path.stat().st_mtime_ns == made_ns


def test_a_damaged_file_is_made_again(model: Path, small: SimpleNamespace) -> None:
    path = prepared(model, "fp32")
    assert path
    path.write_bytes(path.read_bytes()[:-100] + bytes(100))
    engine = OnnxRuntimeEngine(model, keep=True)
    plain = OnnxRuntimeEngine(model)
    data = {"data": small.pictures(1)}
    np.testing.assert_allclose(engine.run(data)["out"], plain.run(data)["out"], rtol=1e-4)


def test_a_new_model_replaces_what_the_old_one_became(model: Path, small: SimpleNamespace) -> None:
    old = prepared(model, "fp32")
    model.write_bytes(small.network(seed=5).SerializeToString())
    new = prepared(model, "fp32")
    assert old
    assert new
    assert old != new
    assert [p.name for p in new.parent.glob("*.onnx")] == [new.name]


def test_runs_without_where_nothing_can_be_kept(
    model: Path, small: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("TVRADAR_CACHE", str(tmp_path / "file"))
    assert prepared(model, "fp32") is None
    engine = OnnxRuntimeEngine(model, keep=True)
    assert engine.run({"data": small.pictures(1)})["out"].shape == (1, 12)


def test_takes_what_an_installer_made_beside_the_models(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prepared(model, "fp32")
    assert made
    made.parent.rename(tmp_path / "prepared")
    monkeypatch.setenv("TVRADAR_CACHE", str(tmp_path / "other"))
    assert prepared(model, "fp32") == tmp_path / "prepared" / made.name
