"""An embedder of the user's own: checked, made the common form, held by its bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engines.catalog import default_name, find_model, load_catalog, model_identity
from engines.choose import open_engine
from engines.embedder import Embedder
from engines.errors import EngineError, ModelMissingError, ModelShapeError, ScoreError
from engines.fetch import fetch, fp32_path
from engines.own.add import add_embedder
from engines.scores.model import learned_path, score_model

if TYPE_CHECKING:
    from pathlib import Path

DIMENSION = 32
SHIPPED = "sface"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TVRADAR_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TVRADAR_MODELS", raising=False)
    return tmp_path / "cache"


def graph(
    path: Path,
    *,
    side: int = 112,
    batch: int | str = "n",
    constant: bool = False,
    inner: str = "face.1",
) -> Path:
    """Write an embedder: means of 8x8 pixels, and a matrix."""
    cells = 3 * (side // 8) ** 2
    matrix = np.random.default_rng(0).standard_normal((cells, DIMENSION)).astype(np.float32)
    matrix = matrix * (0 if constant else 1)
    nodes = [
        helper.make_node("AveragePool", [inner], ["data"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Reshape", ["data", "shape"], ["flat"]),
        helper.make_node("Gemm", ["flat", "matrix", "bias"], ["out"]),
    ]
    if isinstance(batch, str):
        shape = np.array([-1, cells], np.int64)
    else:
        shape = np.array([batch, cells], np.int64)
    constants = [
        numpy_helper.from_array(shape, "shape"),
        numpy_helper.from_array(matrix, "matrix"),
        numpy_helper.from_array(np.ones(DIMENSION, np.float32), "bias"),
    ]
    faces = helper.make_tensor_value_info(inner, TensorProto.FLOAT, [batch, 3, side, side])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [batch, DIMENSION])
    made = helper.make_model(
        helper.make_graph(nodes, "mine", [faces], [out], constants),
        opset_imports=[helper.make_opsetid("", 13)],
    )
    made.ir_version = 8
    onnx.save(made, path)
    return path


def test_it_is_in_the_catalog_and_runs(tmp_path: Path) -> None:
    model = add_embedder(
        graph(tmp_path / "m.onnx"), "mine", colour_order="bgr", licence="mine", mean=100, std=50
    )
    assert find_model("mine") == model
    assert model.optional
    assert model_identity("mine") == f"mine-{model.fp32_sha256[:12]}"
    engine = open_engine("mine", precision="fp32")
    embedder = Embedder(engine, dimension=DIMENSION, colour_order="bgr")
    chips = np.full((1, 112, 112, 3), 100, np.uint8)
    assert np.allclose(embedder.embed(chips).norms, np.sqrt(DIMENSION))  # the bias alone
    engine.close()


def test_the_colours_come_in_the_order_that_was_said(tmp_path: Path) -> None:
    file = graph(tmp_path / "m.onnx")
    chips = np.zeros((1, 112, 112, 3), np.uint8)
    chips[..., 0] = 255
    found = []
    for order, turned in (("bgr", chips), ("rgb", chips[..., ::-1].copy())):
        add_embedder(file, f"m_{order}", colour_order=order, licence="")  # type: ignore[arg-type]
        with_order = open_engine(f"m_{order}", precision="fp32")
        embedder = Embedder(with_order, dimension=DIMENSION, colour_order=order)
        found.append(embedder.embed(turned).vectors)
        with_order.close()
    assert np.allclose(found[0], found[1], atol=1e-6)


def test_other_bytes_are_not_run(tmp_path: Path) -> None:
    add_embedder(graph(tmp_path / "m.onnx"), "mine", colour_order="rgb", licence="")
    fp32_path("mine").write_bytes(b"other")
    with pytest.raises(ModelMissingError, match="other bytes than when it was added"):
        fetch("mine")


def test_a_second_file_under_the_name_is_another_identity(tmp_path: Path) -> None:
    """A gallery belongs to the bytes: it refuses the new model."""
    file = graph(tmp_path / "m.onnx")
    first = add_embedder(file, "mine", colour_order="rgb", licence="")
    second = add_embedder(file, "mine", colour_order="rgb", licence="", std=1)
    assert first.version != second.version
    assert model_identity("mine") == f"mine-{second.version}"


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ({"side": 96}, r"takes \[0, 3, 96, 96\], expected faces \(N, 3, 112, 112\)"),
        ({"batch": 1}, "does not take two faces at once"),
        ({"constant": True}, "all faces have one"),
    ],
)
def test_what_is_no_embedder_of_aligned_faces_is_refused(
    made: dict[str, int], says: str, tmp_path: Path, cache: Path
) -> None:
    with pytest.raises(ModelShapeError, match=says):
        add_embedder(graph(tmp_path / "m.onnx", **made), "mine", colour_order="rgb", licence="")  # type: ignore[arg-type]
    assert "mine" not in load_catalog()
    assert not list(cache.rglob("*.onnx"))


def test_a_file_that_is_no_graph_is_refused_before_it_is_parsed_here(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"\x08\x07 not a model")
    with pytest.raises(EngineError, match="do not use it"):
        add_embedder(tmp_path / "m.onnx", "mine", colour_order="rgb", licence="")


@pytest.mark.parametrize("name", [SHIPPED, "", "../x", "a-b", "Mine"])
def test_names_that_cannot_be(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelShapeError, match="taken or not usable"):
        add_embedder(graph(tmp_path / "m.onnx"), name, colour_order="rgb", licence="")


def test_a_damaged_entry_is_none_and_ours_stay_ours(tmp_path: Path, cache: Path) -> None:
    add_embedder(graph(tmp_path / "m.onnx"), "mine", colour_order="rgb", licence="")
    entry = (cache / "added" / "mine.json").read_bytes()
    (cache / "added" / f"{SHIPPED}.json").write_bytes(entry)
    rotten = {
        "broken": b"version = ",
        "flipped": entry.replace(b"embedder", b"embe\xe4der"),
        "deep": entry[:-1] + b',"x":' + b"[" * 100_000,
        "needed": entry.replace(b'"optional":true', b'"optional":false'),
        "elsewhere": entry.replace(b'"version":"', b'"version":"../'),
    }
    for name, data in rotten.items():
        assert data != entry
        (cache / "added" / f"{name}.json").write_bytes(data)
    assert "mine" in load_catalog()
    assert not rotten.keys() & load_catalog().keys()
    assert default_name("embedder") == "sface"
    assert find_model(SHIPPED).source.registry == "pypi"


def test_without_scores_it_says_how_they_are_learned(tmp_path: Path) -> None:
    add_embedder(graph(tmp_path / "m.onnx"), "mine", colour_order="rgb", licence="")
    with pytest.raises(ScoreError, match="tvradar calibrate embedder --model mine"):
        score_model(model_identity("mine"))


def test_scores_that_were_learned_here_come_first() -> None:
    shipped = score_model("sface-2021dec")
    path = learned_path("sface-2021dec")
    path.parent.mkdir(parents=True)
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(shipped, impostor_mean=0.09)))
    assert score_model("sface-2021dec").impostor_mean == 0.09
    path.write_text("impostor_mean = 'x'")
    with pytest.raises(ScoreError, match="learn it again"):
        score_model("sface-2021dec")
    path.unlink()
    assert score_model("sface-2021dec") == shipped
