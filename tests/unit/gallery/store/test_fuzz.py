"""Damage: 500 random changes of any file of a gallery, in processes that may crash."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from gallery.store.store import create_gallery, current_release
from gallery.store.update import add, remove

if TYPE_CHECKING:
    from pathlib import Path

READER = """
import json, sys
from pathlib import Path
from gallery.errors import GalleryError
from gallery.search.open import open_gallery

folder = Path(sys.argv[1])
for line in sys.stdin:
    name, offset, data, size = json.loads(line)
    path = folder / name
    good = path.read_bytes()
    bad = bytearray(good)
    bad[offset : offset + len(data)] = bytes(data)
    # A new file, as nobody may change one that is mapped.
    path.unlink()
    path.write_bytes(bytes(bad[:size]))
    print("start", flush=True)
    try:
        gallery = open_gallery(folder, "test-1")
        answer = ["opened", sorted(person.name() for person in gallery.people())]
    except GalleryError as error:
        answer = [type(error).__name__, str(error)]
    print(json.dumps(answer), flush=True)
    path.unlink()
    path.write_bytes(good)
"""
CASES = 500
EACH = 50
"""Cases for one process: a crash ends it, and names the case."""


@pytest.fixture(scope="module")
def gallery_folder(tmp_path_factory: pytest.TempPathFactory, population: Any) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    e = population.entries(range(30), count=2)
    create_gallery(folder, e.people, e.templates, e.owners, "test-1")
    add(folder, population.entries([31]))
    remove(folder, ["person-3"])
    return folder


def _damage(rng: np.random.Generator, names: list[str], folder: Path) -> list[Any]:
    """Return a file's name, an offset, the bytes to put there, and the size to cut it to."""
    name = names[rng.integers(len(names))]
    good = (folder / name).read_bytes()
    kind = rng.integers(5)
    # Headers are small and matter most: half of the changes hit the first bytes.
    reach = len(good) if rng.integers(2) else min(len(good), 600)
    offset = int(rng.integers(reach))
    if kind == 0:
        return [name, 0, [], offset]
    if kind == 1:
        return [name, offset, rng.integers(0, 256, 64).tolist(), len(good) + 64]
    if kind == 2:
        return [name, offset // 512 * 512, [0] * 512, len(good)]
    return [name, offset, [good[offset] ^ (1 << int(rng.integers(8)))], len(good)]


def test_every_damage_is_refused_and_names_the_file(gallery_folder: Path) -> None:
    release, path = current_release(gallery_folder)
    folder = path.relative_to(gallery_folder)
    names = [str(folder / "release.json")] + [str(folder / file.name) for file in release.files]
    rng = np.random.default_rng(5)
    cases: list[list[Any]] = []
    while len(cases) < CASES:
        case = _damage(rng, names, gallery_folder)
        good = (gallery_folder / case[0]).read_bytes()
        bad = bytearray(good)
        bad[case[1] : case[1] + len(case[2])] = bytes(case[2])
        if bytes(bad[: case[3]]) != good:
            cases.append(case)
    answers = []
    for start in range(0, CASES, EACH):
        done = subprocess.run(
            [sys.executable, "-c", READER, str(gallery_folder)],
            input="\n".join(json.dumps(case) for case in cases[start : start + EACH]),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        found = [json.loads(line) for line in done.stdout.splitlines() if line != "start"]
        assert done.returncode == 0, (cases[start + len(found)], done.stderr[-2000:])
        answers += found
    assert len(answers) == CASES
    for (name, *_), (kind, text) in zip(cases, answers, strict=True):
        assert kind in {"GalleryCorruptError", "GalleryMissingError"}, (name, kind, text)
        assert name.rpartition("/")[2] in text


DEEPER = """
import json, sys, zlib
from pathlib import Path
import msgspec, numpy as np
from gallery.errors import GalleryError
from gallery.store.segment import open_segment
from gallery.store.store import current_release

# As if somebody had computed the CRC over the damage: the parsers stand alone.
folder, outcomes = Path(sys.argv[1]), []
release, path = current_release(folder)
for line in sys.stdin:
    name, offset, data, size = json.loads(line)
    file = folder / name
    good = file.read_bytes()
    bad = bytearray(good)
    bad[offset : offset + len(data)] = bytes(data)
    bad = bytes(bad[:size])
    file.unlink()
    file.write_bytes(bad)
    info = next(s for s in release.segments if file.name in {f.name for f in s.files})
    changes = {
        key: msgspec.structs.replace(getattr(info, key), size=len(bad), crc32=zlib.crc32(bad))
        for key in ("templates_file", "people_file") if getattr(info, key).name == file.name
    }
    try:
        segment = open_segment(path, msgspec.structs.replace(info, **changes), "test-1", 32)
        segment.people.check()
        np.asarray(segment.templates.rows).sum()
        outcomes.append("opened")
    except GalleryError as error:
        assert file.name in str(error), str(error)
        outcomes.append("refused")
    except (ValueError,) as error:
        outcomes.append(f"escaped {error!r} {name} {offset} {data} {size}")
    file.unlink()
    file.write_bytes(good)
print(json.dumps(outcomes))
"""


def test_the_parsers_do_not_crash_where_the_crc_fits(gallery_folder: Path) -> None:
    release, path = current_release(gallery_folder)
    folder = path.relative_to(gallery_folder)
    names = [str(folder / file.name) for file in release.segments[0].files]
    rng = np.random.default_rng(6)
    cases = [_damage(rng, names, gallery_folder) for _ in range(300)]
    cases = [case for case in cases if case[3] > 0]
    done = subprocess.run(
        [sys.executable, "-c", DEEPER, str(gallery_folder)],
        input="\n".join(json.dumps(case) for case in cases),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    outcomes = json.loads(done.stdout)
    assert {o for o in outcomes if o.startswith("escaped")} == set()
    assert outcomes.count("refused") > len(cases) / 3
