"""The library: its names, its three examples, off the main thread, and what it leaves alone."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

import edge
from edge import identify, open_gallery, open_models
from edge.library import enrol
from tests.integration.conftest import ROOT
from tests.integration.demo_process import material

if TYPE_CHECKING:
    from pathlib import Path

    from gallery.search.search import Gallery

EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library") / "gallery"
    enrol(material().people_dir, folder)
    return folder


@pytest.fixture(scope="module")
def portrait(people: Path) -> Path:
    return next(p for p in sorted(material().people_dir.rglob("*.jpg")) if "obama" in str(p))


def test_these_names_are_the_interface() -> None:
    assert edge.__all__ == sorted(edge.__all__)
    assert edge.__all__ == [
        "Gallery",
        "Identification",
        "Timeline",
        "enrol",
        "identify",
        "open_gallery",
        "open_models",
        "open_source",
        "timeline_of",
    ]
    assert all(getattr(edge, name).__doc__ for name in edge.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        edge.nothing  # noqa: B018


def test_works_in_a_thread_and_leaves_signals_alone(people: Path, portrait: Path) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    found = []
    pictures = []
    thread = threading.Thread(
        target=lambda: found.append(identify(portrait, people, on_picture=pictures.append))
    )
    thread.start()
    thread.join(60)
    assert [p.id for p in found[0].people] == ["barack_obama"]
    assert [picture.index for picture in pictures] == [0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_says_nothing_by_itself(
    people: Path, portrait: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    known: Gallery = open_gallery(people)
    models = open_models()
    for _ in range(2):
        assert identify(portrait, known, models=models).people
    models.close()
    assert capfd.readouterr() == ("", "")


def run(name: str, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, EXAMPLES / name, *words]
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def test_example_who_is_in_it(people: Path, portrait: Path) -> None:
    assert run("who_is_in_it.py", portrait, people).stdout.startswith("Barack Obama: ")


def test_example_sort_photographs(people: Path, portrait: Path, tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(portrait.read_bytes())
    (tmp_path / "2.jpg").write_bytes(b"\xff\xd8\xff no picture")
    told = run("sort_photographs.py", tmp_path, people)
    assert told.stdout == "1.jpg: Barack Obama\n"
    assert "2.jpg" in told.stderr


def test_example_enrol_and_cut(portrait: Path, tmp_path: Path) -> None:
    person = tmp_path / "people" / "obama"
    person.mkdir(parents=True)
    (person / "1.jpg").write_bytes(portrait.read_bytes())
    said = run("enrol_and_cut.py", person.parent, portrait, tmp_path / "gallery").stdout
    assert said.startswith("release 1\nobama: 0.0 to ")


def test_examples_are_short() -> None:
    for path in EXAMPLES.glob("*.py"):
        assert len(path.read_text().splitlines()) <= 25
        names = {
            alias.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom) and node.module == "edge"
            for alias in node.names
        }
        assert names <= set(edge.__all__)
