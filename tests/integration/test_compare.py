"""Models plug in by the catalog: a second detector and a second embedder name real people."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from engines.errors import ModelMissingError
from engines.fetch import fetch
from tests.integration.conftest import tvradar

if TYPE_CHECKING:
    from pathlib import Path


def test_other_models_name_the_same_people(data_dir: Path, tmp_path: Path) -> None:
    try:
        fetch("dlibresnet")
    except ModelMissingError as error:
        pytest.skip(str(error))
    for person in sorted((data_dir / "actors").iterdir())[:9]:
        (tmp_path / "people" / person.name).mkdir(parents=True)
        for picture in sorted(person.iterdir())[:5]:
            shutil.copy(picture, tmp_path / "people" / person.name)
    pairs = ("yunet+sface", "centerface+dlibresnet")
    ran = tvradar("engines", "compare", *pairs, "--images", tmp_path / "people", "--json")
    assert ran.code == 0, ran.err
    for row in ran.json["pairs"]:
        assert row["found"] > 0.9
        assert (row["mated"], row["nonmated"]) == pytest.approx((12, 15), abs=2)
        # Six people: chance would find one in six.
        assert row["rank1"] > 0.7
        assert not row["supported"]
        assert row["detect_ms"] > 0 < row["embed_ms"]
    assert ran.json["pairs"][1]["licences"] == "MIT; MIT, weights of dlib CC0"


def test_pairs_that_are_none_are_refused(tmp_path: Path) -> None:
    for wrong in ("yunet", "sface+yunet", "yunet+sface+sface", "yunet+nothing"):
        ran = tvradar("engines", "compare", wrong, "--images", tmp_path)
        assert ran.code in {2, 3}, wrong
        assert "Traceback" not in ran.err
    ran = tvradar("engines", "compare", "--images", tmp_path / "none")
    assert ran.code == 2
    assert "no such folder" in ran.err
