"""A second embedder: its entry in the catalog and the file of its scores are all that it took.

dlib's ResNet is enrolled with, named with and run with by `--embedder` or the configuration alone;
no module knows it but its converter.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest

from engines.catalog import load_catalog
from engines.errors import ModelMissingError, ScoreError
from engines.fetch import fetch
from engines.scores.model import score_model
from gallery.search.open import open_gallery
from tests.conftest import ROOT
from tests.free import SECOND, STAR, Free
from tests.integration.conftest import running, tvradar
from tests.polling import until

if TYPE_CHECKING:
    from pathlib import Path

NAME = "dlibresnet"


@pytest.fixture(scope="module")
def gallery(free: Free, tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        fetch(NAME)
    except ModelMissingError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("second") / "gallery"
    assert tvradar("gallery", "enrol", free.people, "-o", folder, "--embedder", NAME).code == 0
    return folder


def test_enrols_and_names_with_it(gallery: Path, free: Free) -> None:
    assert open_gallery(gallery).model == "dlibresnet-2017"
    ran = tvradar("identify", free.pair, "-g", gallery, "--json", "--embedder", NAME)
    assert [f["id"] for f in sorted(ran.json["faces"], key=lambda f: f["box"])] == [STAR, SECOND]
    ran = tvradar("timeline", free.clip, "-g", gallery, "--json", "--embedder", NAME)
    assert {p["id"] for p in ran.json["people"]} == {STAR, SECOND}


def test_the_service_takes_it_from_its_configuration(
    gallery: Path, free: Free, tmp_path: Path
) -> None:
    (tmp_path / "c.toml").write_text(
        f'source = "{free.clip}"\ngallery = "{gallery}"\nloop = true\n[serve]\nport = 0\n'
        f'[recognise]\nembedder = "{NAME}"\n'
    )
    with running(tmp_path / "c.toml") as (_, url), httpx.Client(base_url=url) as client:
        until(lambda: client.get("/readyz").status_code == 200)
        until(lambda: STAR in {p["id"] for p in client.post("/api/press").json()["people"]})


def test_a_gallery_of_another_embedder_is_refused(gallery: Path, few: Path, free: Free) -> None:
    for folder, words in ((gallery, ()), (few, ("--embedder", NAME))):
        ran = tvradar("identify", free.pair, "-g", folder, *words)
        assert ran.code == 3
        assert "dlibresnet-2017" in ran.err
        assert "sface-2021dec" in ran.err
    ran = tvradar("identify", free.pair, "-g", few, "--embedder", "nobody")
    assert ran.code == 3
    assert "not in the catalog" in " ".join(ran.err.split())


def test_add_and_search_take_the_gallerys_own(gallery: Path, free: Free, tmp_path: Path) -> None:
    """Embeddings of two models have one length: a mixture would not be seen, and name nobody."""
    for person in (STAR, SECOND):
        shutil.copytree(free.people / person, tmp_path / person / person)
    mine = tmp_path / "gallery"
    enrol = tvradar("gallery", "enrol", tmp_path / STAR, "-o", mine, "--embedder", NAME)
    assert enrol.code == 0, enrol.err
    assert tvradar("gallery", "add", mine, tmp_path / SECOND).code == 0
    a, b = (open_gallery(folder).templates_of(SECOND) for folder in (mine, gallery))
    assert np.allclose(a, b, atol=0.01)
    ran = tvradar("gallery", "search", mine, "--image", free.portrait, "--json")
    assert ran.code == 0, ran.err
    found = ran.json["people"]
    assert found[0]["id"] == STAR
    assert found[0]["score"] > 0.9


def test_labels_are_judged_by_its_own_cosines(gallery: Path, free: Free, tmp_path: Path) -> None:
    """Its strangers have a cosine of 0.86, where the default has those of one person."""
    for person in (STAR, SECOND):
        first = min((free.people / person).glob("*.jpg"))
        (tmp_path / "people" / person).mkdir(parents=True)
        shutil.copy(first, tmp_path / "people" / person)
    ran = tvradar(
        *("gallery", "enrol", tmp_path / "people", "-o", tmp_path / "g", "--json"),
        *("--embedder", NAME),
    )
    assert ran.code == 0, ran.err
    assert (ran.json["pictures"]["used"], ran.json["same_faces"]) == (2, [])
    audit = tvradar("gallery", "audit", gallery, "--json").json
    assert (audit["look_alikes"], audit["weak"]) == ([], [])


def test_every_embedder_of_the_catalog_has_its_scores_and_no_module_names_one() -> None:
    embedders = {n: m for n, m in load_catalog().items() if m.task == "embedder"}
    for name, model in embedders.items():
        assert score_model(f"{name}-{model.version}").names.lowest > 0
    with pytest.raises(ScoreError, match="engines/scores/other-1"):
        score_model("other-1")
    for path in (ROOT / "edge").rglob("*.py"):
        if path.parent.name == "bench":  # it runs OpenCV's own code with these files, as a peer
            continue
        code = path.read_text()
        assert not [n for n in embedders if f'"{n}"' in code], path
