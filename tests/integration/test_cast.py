"""A wrong cast list degrades gently: who ranks first stays the same, and names stay right."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.integration.conftest import tvradar

if TYPE_CHECKING:
    from pathlib import Path

PEOPLE = 6


def test_a_wrong_cast_list_costs_no_rank(data_dir: Path, tmp_path: Path) -> None:
    probes = tmp_path / "probes"
    probes.mkdir()
    actors = sorted((data_dir / "actors").iterdir())[:PEOPLE]
    for actor in actors:
        pictures = sorted(actor.iterdir())
        (tmp_path / "people" / actor.name).mkdir(parents=True)
        for picture in pictures[:3]:
            shutil.copy(picture, tmp_path / "people" / actor.name)
        for picture in pictures[3:6]:
            shutil.copy(picture, probes / f"{actor.name}.{picture.name}")
    gallery = tmp_path / "gallery"
    assert tvradar("gallery", "enrol", tmp_path / "people", "-o", gallery).code == 0
    labels = [path.name.partition(".")[0] for path in sorted(probes.iterdir())]

    def rights(cast: list[str]) -> tuple[list[bool], list[str | None]]:
        words = ("--cast", ",".join(cast)) if cast else ()
        ran = tvradar("identify", probes, "-g", gallery, "--json", *words)
        assert ran.code == 0, ran
        faces = {face["frame"]: face for face in ran.json["faces"]}
        first = [faces[n]["candidates"][0]["id"] == label for n, label in enumerate(labels)]
        return first, [faces[n]["id"] for n in range(len(labels))]

    first, named = rights([])
    assert sum(first) >= 0.9 * len(labels)
    wrong_cast = [actor.name for actor in actors[:2]]
    first_wrong, named_wrong = rights(wrong_cast)
    assert first_wrong == first
    outside = [n for n, label in enumerate(labels) if label not in wrong_cast]
    assert {named_wrong[n] for n in outside} <= {None, *labels} - set(wrong_cast)
    lost = [n for n in outside if named[n] == labels[n] and named_wrong[n] is None]
    assert len(lost) <= 2
