"""People for galleries, a brute-force model of one, and a disk that fails on request."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge.bench.synthetic import SyntheticFaces
from gallery.store.files import DiskFileSystem
from gallery.store.person import Person, Picture, Work
from gallery.store.update import Entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

DIM = 32
MODEL = "test-1"


class Population:
    """An endless supply of people, numbered; a person's pictures are numbered too."""

    def __init__(self, dim: int = DIM) -> None:
        self.faces = SyntheticFaces(dim, seed=7)
        self._identities = self.faces.identities(4096)

    def person(self, n: int, edition: int = 0) -> Person:
        return Person(
            id=f"person-{n}",
            names={"en": f"Name-of-{n}-{edition}", "zh": f"名字{n}"},
            role={"en": "actor"},
            biography={"en": f"The life of {n}"},
            works=(Work({"en": f"Film {n}"}, 1990 + n % 30, "lead"),),
            pictures=(Picture("ab" * 32, "https://example.org", "CC0"),),
            photo=b"\xff\xd8\xff" + n.to_bytes(4, "big") + bytes(range(64)),
        )

    def templates(self, n: int, edition: int = 0, count: int = 1) -> NDArray[np.float32]:
        mine = self._identities[[n] * count]
        return self.faces.pictures(mine, 1000 * edition + n)

    def entries(self, numbers: Iterable[int], edition: int = 0, count: int = 1) -> Entries:
        numbers = list(numbers)
        return Entries(
            [self.person(n, edition) for n in numbers],
            np.concatenate([self.templates(n, edition, count) for n in numbers]),
            np.repeat(np.arange(len(numbers), dtype=np.int32), count),
            MODEL,
        )


@pytest.fixture(scope="session")
def population() -> Population:
    return Population()


class PowerCutError(BaseException):
    """The machine stopped: no handler of the dead process runs after it."""


@dataclass
class _Entry:
    """One change of a folder that was not synced yet."""

    path: Path
    renamed_from: Path | None = None
    replaced_link: Path | None = None

    def undo(self) -> None:
        if self.renamed_from is not None:
            self.path.replace(self.renamed_from)
            if self.replaced_link is not None:
                self.path.symlink_to(self.replaced_link)
        elif self.path.is_dir() and not self.path.is_symlink():
            shutil.rmtree(self.path)
        else:
            self.path.unlink(missing_ok=True)


@dataclass
class FaultyDisk(DiskFileSystem):
    """A disk that stops or fails at one call, and can forget what was not synced.

    The call number `stop_at` raises in its middle: of a file, half is written. `lose` then plays
    what a disk may do at a power cut: entries of folders that were not synced are gone, renames
    undone, and files that were not synced are cut.
    """

    stop_at: int = -1
    error: Callable[[], BaseException] = PowerCutError
    calls: list[str] = field(default_factory=list)
    _entries: list[_Entry] = field(default_factory=list)
    _dirty: set[Path] = field(default_factory=set)

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if len(self.calls) - 1 == self.stop_at:
            raise self.error()

    def write(self, path: Path, chunks: Iterable[bytes | memoryview]) -> None:
        data = b"".join(chunks)
        self._dirty.add(path)
        self._entries.append(_Entry(path))
        try:
            self._call(f"write {path.suffix}")
        except BaseException:
            path.write_bytes(data[: len(data) // 2])
            raise
        super().write(path, [data])

    def sync_file(self, path: Path) -> None:
        # What is synced is remembered here; the real call would only take time.
        self._call("sync_file")
        self._dirty.discard(path)

    def sync_folder(self, path: Path) -> None:
        self._call("sync_folder")
        self._entries = [e for e in self._entries if e.path.parent != path]

    def rename(self, source: Path, target: Path) -> None:
        self._call("rename")
        link = target.readlink() if target.is_symlink() else None
        super().rename(source, target)

        def moved(path: Path) -> Path:
            return target / path.relative_to(source) if path.is_relative_to(source) else path

        self._dirty = {moved(path) for path in self._dirty}
        for entry in self._entries:
            if entry.path != source:
                entry.path = moved(entry.path)
        self._entries.append(_Entry(target, source, link))

    def link(self, source: Path, target: Path) -> None:
        self._call("link")
        super().link(source, target)
        self._entries.append(_Entry(target))

    def symlink(self, content: str, path: Path) -> None:
        self._call("symlink")
        super().symlink(content, path)
        self._entries.append(_Entry(path))

    def make_folder(self, path: Path) -> None:
        self._call("make_folder")
        new = not path.exists()
        super().make_folder(path)
        if new:
            self._entries.append(_Entry(path))

    def unlink(self, path: Path) -> None:
        self._call("unlink")
        super().unlink(path)
        self._entries = [e for e in self._entries if e.path != path]

    def remove_folder(self, path: Path) -> None:
        self._call("remove_folder")
        super().remove_folder(path)
        self._entries = [e for e in self._entries if not e.path.is_relative_to(path)]

    def lose(self) -> None:
        """Forget what was not synced, the latest first."""
        for path in self._dirty:
            if path.is_file():
                path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        for entry in reversed(self._entries):
            if entry.path.exists() or entry.path.is_symlink():
                entry.undo()


@pytest.fixture
def faulty_disk() -> type[FaultyDisk]:
    return FaultyDisk


@pytest.fixture
def power_cut() -> type[BaseException]:
    return PowerCutError
