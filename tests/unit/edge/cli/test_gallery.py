"""The gallery commands that need no model, run as a user runs them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from typer.testing import CliRunner

from edge.bench.synthetic import SyntheticFaces
from edge.cli.bench_gallery import app as bench_app
from edge.cli.gallery import app
from gallery.errors import GalleryCorruptError, GalleryMissingError
from gallery.store.person import Person
from gallery.store.store import create_gallery, current_release

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    faces = SyntheticFaces(32)
    templates = faces.pictures(faces.identities(12), 0)
    people = [
        Person(f"p{n}", {"en": f"Person {n}", "zh": f"人{n}"}, photo=b"\xff\xd8\xff\xe0")
        for n in range(11)
    ]
    people.append(Person("x", {"en": "<script>alert(1)</script>"}))
    create_gallery(
        tmp_path / "g", people, templates, np.arange(12, dtype=np.int32), "sface-2021dec"
    )
    return tmp_path / "g"


def _run(*words: object, cli: Any = app) -> Any:
    done = CliRunner().invoke(cli, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout) if "--json" in words else done.stdout


def test_inspect(gallery: Path, tmp_path: Path) -> None:
    found = _run("inspect", gallery, "--json", "--html", tmp_path / "page.html")
    assert (found["people"], found["model"], found["index"]) == (12, "sface-2021dec", "exact")
    assert found["first_people"][1]["name"] == "Person 1"
    page = (tmp_path / "page.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert page.count("data:image/jpeg") == 11
    assert "http:" not in page.replace("http-equiv", "")
    assert "人3" in _run("inspect", gallery, "--lang", "zh")


def test_verify_names_the_damaged_file(gallery: Path) -> None:
    assert _run("verify", gallery, "--json")["problems"] == []
    release, folder = current_release(gallery)
    path = folder / release.files[1].name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(GalleryCorruptError, match=path.name):
        _run("verify", gallery)
    with pytest.raises(GalleryMissingError):
        _run("verify", gallery / "nowhere")


def test_remove_compact_diff_export_audit(gallery: Path, tmp_path: Path) -> None:
    assert _run("remove", gallery, "p1", "p2", "--erase", "--json") == {
        "gallery": str(gallery), "release": 2, "people": 10, "segments": 1, "tombstones": 0,
    }  # fmt: skip
    assert "10 people" in _run("compact", gallery).replace("\n", "")
    found = _run("export", gallery, "-o", tmp_path / "out", "--json")
    assert found["people"] == 10
    assert _run("diff", gallery, gallery, "--json")["same"]
    assert "0 added" in _run("diff", gallery, gallery)
    assert len(_run("audit", gallery, "--json")["single"]) == 10
    told = " ".join(_run("audit", gallery).split())
    assert "10 of 10 people" in told
    assert "Enrol two or three more" in told


def test_bench_search_has_the_keys_of_the_contract() -> None:
    found = _run("search", "--people", 2000, "--probes", 400, "--json", cli=bench_app)
    contract = {
        "people", "dim", "p50_ms", "p99_ms", "batch8_ms", "file_mb", "anon_mb", "load_ms",
        "agreement",
    }  # fmt: skip
    assert contract <= set(found)
    assert found["agreement"] > 0.99
    assert 0 < found["p50_ms"] <= found["p99_ms"]
    assert found["file_mb"] == pytest.approx(2000 * (128 + 4 + 1) / 1e6, abs=0.001)
