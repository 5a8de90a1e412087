"""An embedder of the user's own by commands alone: added, refused until it is learned, then used.

The file is dlib's ResNet under another name; what its cosines mean is what we ship for it, since
the free photographs are of three people only and `calibrate embedder` asks for a hundred.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec
import pytest

from engines.errors import ModelMissingError
from engines.fetch import fetch
from engines.scores.model import shipped_score_model
from tests.integration.conftest import Ran, tvradar

if TYPE_CHECKING:
    from pathlib import Path

    from tests.free import Free


def test_added_learned_enrolled_and_named_with(free: Free, tmp_path: Path) -> None:
    try:
        file, detector = fetch("dlibresnet"), fetch("yunet")
    except ModelMissingError as error:
        pytest.skip(str(error))
    cache = tmp_path / "cache"
    (cache / "models").mkdir(parents=True)
    (cache / "models" / detector.name).symlink_to(detector)
    env = {**os.environ, "TVRADAR_CACHE": str(cache), "TVRADAR_PRECISION": "fp32"}
    env.pop("TVRADAR_MODELS", None)

    def run(*words: object) -> Ran:
        return tvradar(*words, env=env)

    words = ("--name", "mine", "--input", "rgb", "--licence", "CC0", "--mean", "0", "--std", "1")
    added = run("engines", "add", file, *words, "--json")
    assert added.code == 0, added.err
    identity = added.json["identity"]
    listed = {row["model"]: row for row in run("engines", "list", "--json").json["engines"]}
    assert (listed["mine"]["licence"], listed["mine"]["present"]) == ("CC0", True)

    enrol = ("gallery", "enrol", free.people, "-o", tmp_path / "g", "--embedder", "mine")
    refused = run(*enrol)
    assert refused.code != 0
    assert "tvradar calibrate embedder --model mine" in " ".join(refused.err.split())
    few = run("calibrate", "embedder", "--model", "mine", "--images", free.people)
    assert few.code != 0
    assert "3 people" in " ".join(few.err.split())

    learned = msgspec.json.encode(shipped_score_model("dlibresnet-2017"))
    (cache / "scores").mkdir()
    (cache / "scores" / f"{identity}.json").write_bytes(learned)
    assert run(*enrol).code == 0
    found = run("identify", free.pair, "-g", tmp_path / "g", "--json", "--embedder", "mine")
    assert sum(f["id"] is not None for f in found.json["faces"]) == 2
    other = run("identify", free.pair, "-g", tmp_path / "g", "--embedder", "dlibresnet")
    assert other.code == 3
    assert identity in " ".join(other.err.split())
