"""The INT8 files that come with tvradar, made in a cache of their own; no pictures are needed."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import onnx
import pytest

from calibration.quantise import shipped
from calibration.quantise.shipped import install_shipped, read_recipe
from engines.catalog import default_models
from engines.choose import open_engine
from engines.int8_files import current_int8, make_current, require_passed
from engines.onnx_models.graph import Graph
from engines.onnx_models.polygraphy_lint import is_here
from tests.integration.conftest import fp32_models_in, tvradar

if TYPE_CHECKING:
    from pathlib import Path

SHIPPED = [name for name in default_models() if read_recipe(name)]


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    root = tmp_path / "cache"
    root.mkdir()
    fp32_models_in(root)
    monkeypatch.setenv("TVRADAR_CACHE", str(root))
    return root


def test_fetch_makes_the_files_that_the_gate_let_pass(cache) -> None:
    assert tvradar("engines", "fetch").code == 0
    for name in SHIPPED:
        path, recipe = current_int8(name), read_recipe(name)
        assert path is not None
        assert hashlib.sha256(path.read_bytes()).hexdigest() == recipe.record.int8_sha256
        assert require_passed(name, path) == recipe.verdict
        assert open_engine(name, precision="int8").kind == "onnxruntime int8"
        before = path.stat().st_mtime_ns
        assert install_shipped(name) == path
        assert path.stat().st_mtime_ns == before
    listed = json.loads(tvradar("engines", "list", "--json").out)["engines"]
    told = {row["model"]: row["int8_status"] for row in listed}
    assert all("passed the gate, used where it is faster" in told[name] for name in SHIPPED)
    assert "calibrate int8" in told["centerface"]
    assert told["resemblyzer"] == "none, runs in FP32"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_recipe_says_whose_pictures_it_saw_and_that_they_are_free(name) -> None:
    recipe = read_recipe(name)
    assert len(recipe.sources) >= 4
    assert not any("obama" in s.member for s in recipe.sources)  # he is among those who test
    assert all(len(s.sha256) == 64 and s.credit for s in recipe.sources)
    assert recipe.verdict.passed
    assert recipe.verdict.file_sha256 == recipe.record.int8_sha256
    assert recipe.record.shipped


def test_a_users_own_file_stays_in_use(cache) -> None:
    name = SHIPPED[0]
    first = install_shipped(name)
    own = first.with_name(first.name.replace("-int8-", "-int8-own"))
    own.write_bytes(first.read_bytes())
    record = msgspec.structs.replace(read_recipe(name).record, shipped=False)
    own.with_suffix(".json").write_bytes(msgspec.json.encode(record))
    make_current(record.model, own)
    assert install_shipped(name) == first
    assert current_int8(name) == own


def test_a_damaged_file_is_made_anew(cache) -> None:
    path = install_shipped(SHIPPED[0])
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert install_shipped(SHIPPED[0]).read_bytes() == whole


def test_other_bytes_than_the_judged_ones_are_not_used(cache, caplog) -> None:
    name = SHIPPED[0]
    recipe = read_recipe(name)
    scales = {k: v * 1.5 for k, v in recipe.record.scales.items()}
    other = msgspec.structs.replace(
        recipe, record=msgspec.structs.replace(recipe.record, scales=scales)
    )
    assert shipped.install(name, other) is None
    assert "FP32 runs" in caplog.text
    assert current_int8(name) is None


@pytest.mark.skipif(not is_here(), reason="polygraphy is not installed")
def test_the_spoiled_layer_of_a_file_is_named(cache, tmp_path) -> None:
    name = SHIPPED[0]
    path = install_shipped(name)
    (fp32,) = (cache / "models").glob(f"{name}-*-fp32-*.onnx")
    sound = tvradar("engines", "compare-layers", fp32, path, "--json")
    assert sound.code == 0, sound.err
    layers = [layer["tensor"] for layer in sound.json["layers"]]
    wanted = layers[12]
    graph = Graph.of(onnx.load(path))
    layer = next(n for n in graph.nodes if n.output[0] == wanted)
    weight = next(n.input[0] for n in graph.nodes if n.output[0] == layer.input[1])
    graph.constants[weight] = np.roll(graph.constants[weight], 1, axis=0)
    spoiled = tmp_path / "spoiled.onnx"
    onnx.save(graph.model(), spoiled)
    found = tvradar(
        "engines", "compare-layers", fp32, spoiled, env={**os.environ, "COLUMNS": "200"}
    )
    assert found.code == 2
    assert f"Conv {wanted} is the first layer that drifts" in found.err
