"""`tvradar evaluate` over pictures of real people, and the page that it writes."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.integration.conftest import tvradar

if TYPE_CHECKING:
    from pathlib import Path

ENROLLED = ("Keanu_Reeves", "Tom_Hanks")
STRANGERS = ("Will_Smith", "Keira_Knightley")


def test_rates_and_a_report(data_dir: Path, tmp_path: Path) -> None:
    for person in (*ENROLLED, *STRANGERS):
        pictures = sorted((data_dir / "actors" / person).glob("*.png"))[:5]
        for number, picture in enumerate(pictures):
            enrol = person in ENROLLED and number < 2
            folder = tmp_path / ("enrol" if enrol else "probes") / person
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(picture, folder)
    gallery, report = tmp_path / "gallery", tmp_path / "report.html"
    assert tvradar("gallery", "enrol", tmp_path / "enrol", "-o", gallery).code == 0
    ran = tvradar(
        *("evaluate", tmp_path / "probes", "--gallery", gallery, "--report", report, "--json")
    )
    assert ran.code == 0, ran
    assert ran.json["mated"] + ran.json["without_face"] >= 6
    assert ran.json["nonmated"] >= 8
    assert ran.json["rank1"] > 0.8
    assert ran.json["unsupported"] == ["0.01", "0.003"]
    page = report.read_text()
    assert "Keira_Knightley, most like" in page
    assert page.count("data:image/jpeg;base64,") >= 10

    refused = tvradar(
        *("evaluate", "--video", "a.mp4", "--labels", "l.json", "--gallery", gallery),
        *("--report", report),
    )
    assert refused.code == 2
    assert "--report: of pictures only" in refused.err
