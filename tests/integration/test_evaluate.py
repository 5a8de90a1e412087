"""`tvradar evaluate` over pictures of people, and the page that it writes."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.free import Free, variants
from tests.integration.conftest import tvradar

if TYPE_CHECKING:
    from pathlib import Path

ENROLLED = ("obama", "biden")
STRANGERS = ("hopper", "collins")
FACES = {"obama": 0, "biden": 1, "collins": 2, "hopper": 3}


def test_rates_and_a_report(free: Free, tmp_path: Path) -> None:
    for person in (*ENROLLED, *STRANGERS):
        pictures = variants(free.faces[FACES[person]], tmp_path / "all" / person, 5)
        for number, picture in enumerate(pictures):
            enrol = person in ENROLLED and number < 2
            folder = tmp_path / ("enrol" if enrol else "probes") / person
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(picture, folder)
    gallery, report = tmp_path / "gallery", tmp_path / "report.html"
    groups = tmp_path / "groups.csv"
    groups.write_text("".join(f"{p},men\n" for p in (*ENROLLED, STRANGERS[0])))
    assert tvradar("gallery", "enrol", tmp_path / "enrol", "-o", gallery).code == 0
    ran = tvradar(
        *("evaluate", tmp_path / "probes", "--gallery", gallery, "--report", report, "--json"),
        *("--groups", groups),
    )
    assert ran.code == 0, ran
    assert ran.json["mated"] + ran.json["without_face"] >= 6
    assert ran.json["nonmated"] >= 8
    assert ran.json["rank1"] > 0.8
    assert ran.json["unsupported"] == ["0.01", "0.003"]
    everybody, men = (ran.json["shipped"]["groups"][name] for name in ("all", "men"))
    assert everybody["tpir"][1] <= everybody["tpir"][0] <= everybody["tpir"][2]
    assert everybody["mated"] == men["mated"]
    assert 0 < men["nonmated"] < everybody["nonmated"]
    assert everybody["least_probability"] >= 0.5
    page = report.read_text()
    assert "collins, most like" in page
    assert page.count("data:image/jpeg;base64,") >= 10

    for person in STRANGERS:
        shutil.rmtree(tmp_path / "probes" / person)
    half = tvradar("evaluate", tmp_path / "probes", "--gallery", gallery, "--json")
    assert half.code == 0, half
    assert "no strangers" in " ".join(half.err.split())
    assert (half.json["rank1"], half.json["tpir"]) == (ran.json["rank1"], {})
    assert half.json["shipped"]["groups"]["all"]["fpir"] is None
    refused = tvradar("evaluate", tmp_path / "probes", "--gallery", gallery, "--report", report)
    assert refused.code == 2
    assert "curves need both" in " ".join(refused.err.split())
    shutil.rmtree(tmp_path / "probes" / ENROLLED[0])

    refused = tvradar(
        *("evaluate", "--video", "a.mp4", "--labels", "l.json", "--gallery", gallery),
        *("--report", report),
    )
    assert refused.code == 2
    assert "--report: of pictures only" in refused.err
    groups.write_text("biden;men\n")
    refused = tvradar(*("evaluate", tmp_path / "probes", "--gallery", gallery, "--groups", groups))
    assert refused.code == 2
    assert "expected person,group" in " ".join(refused.err.split())


def test_what_becomes_of_the_promise_for_other_people(data_dir: Path, tmp_path: Path) -> None:
    portraits = data_dir / "sitcom" / "portraits"
    ran = tvradar(
        *("calibrate", "threshold", "--images", portraits),
        *("--fpir", "0.003", "--people", "12", "--people", "5000", "--json"),
    )
    assert ran.code == 0, ran
    found = ran.json
    assert (found["people"], found["promised"]) == (8, 0.003)
    assert found["pairs"] == found["searches"] * 7
    small, large = found["galleries"]
    assert (small["gallery"], large["gallery"]) == (12, 5000)
    assert small["threshold"] < large["threshold"]
    for row in (small, large):
        assert row["low"] <= row["fpir"] <= row["high"]
    assert small["tpir"] > 0.9

    shutil.copytree(portraits / "raj", tmp_path / "raj")
    refused = tvradar("calibrate", "threshold", "--images", tmp_path)
    assert refused.code == 2
    assert "faces of 1 people, expected 3 or more" in refused.err
