"""What a viewer gets who presses at any frame of a real clip."""

import shutil
from pathlib import Path

import cv2
import pytest

from tests.free import SECOND, STAR, Free
from tests.integration.conftest import tvradar


@pytest.fixture(scope="module")
def figures(concert: Path, data_dir: Path) -> dict:
    folder = data_dir / "concert"
    ran = tvradar(
        *("evaluate", "--video", folder / "clip.mp4", "--labels", folder / "labels.json"),
        *("--gallery", concert, "--json"),
    )
    assert ran.code == 0, ran
    return ran.json


def test_presses_name_exactly_who_is_there(figures: dict) -> None:
    assert figures["first"]["presses"] == 149
    assert figures["first"]["exact_set"] >= 0.95
    assert figures["refined"]["exact_set"] >= 0.98
    assert figures["flips"] == 0
    assert figures["track_minutes"] > 0.3


def test_nobody_is_named_wrongly_in_any_shot(figures: dict) -> None:
    assert figures["false_names"] == 0
    assert figures["errors"] == []
    assert len(figures["apart"]) == 2
    for answers in figures["apart"].values():
        assert answers["first"]["precision"] in {None, 1.0}
    assert max(answers["first"]["recall"] for answers in figures["apart"].values()) >= 0.55
    outcomes = [f for by in figures["faces"].values() for f in by.values()]
    assert sum(f["wrong"] for f in outcomes) == 0
    assert sum(f["right"] for f in outcomes) > 350


def test_who_has_just_gone_is_listed_and_marked(figures: dict) -> None:
    """All but the man in profile, who needs more among three people than his profile has."""
    assert figures["just_gone"]["expected"] == 90
    assert figures["just_gone"]["listed"] >= 60


def test_a_stranger_of_the_gallery_is_not_named(sitcom: Path, data_dir: Path) -> None:
    folder = data_dir / "concert"
    ran = tvradar(
        *("evaluate", "--video", folder / "clip.mp4", "--labels", folder / "labels.json"),
        *("--gallery", sitcom, "--json"),
    )
    assert ran.code == 0, ran
    assert ran.json["nobody"]["first"]["presses"] == 275
    assert ran.json["false_names"] == 0


def test_figures_of_a_film_that_everybody_has(few: Path, free: Free) -> None:
    ran = tvradar(
        *("evaluate", "--video", free.clip, "--labels", free.labels, "--gallery", few, "--json")
    )
    assert ran.code == 0, ran
    assert ran.json["first"]["exact_set"] > 0.9
    assert (ran.json["false_names"], ran.json["flips"]) == (0, 0)


@pytest.mark.parametrize(
    "words", [(), ("folder", "--video", "x.mp4"), ("--video", "x.mp4"), ("f", "--labels", "l")]
)
def test_says_what_belongs_together(words: tuple[str, ...], tmp_path: Path) -> None:
    ran = tvradar("evaluate", *words, "--gallery", tmp_path)
    assert ran.code == 2
    assert "--video with --labels" in ran.err


def test_clips_are_ranked_with_and_without_cues(few: Path, free: Free, tmp_path: Path) -> None:
    shutil.copy(free.portrait, tmp_path / f"one{free.portrait.suffix}")
    pair = cv2.imread(str(free.pair))
    cv2.imwrite(str(tmp_path / "two.png"), pair[:, pair.shape[1] // 2 :])
    cv2.imwrite(str(tmp_path / "none.png"), pair[:40, :40])
    names = f"one{free.portrait.suffix}\t{STAR}\ntwo.png\t{SECOND}\nnone.png\t-\n"
    (tmp_path / "list.txt").write_text(names)
    ran = tvradar("evaluate", "--clips", tmp_path / "list.txt", "-g", few, "--json")
    assert ran.code == 0, ran
    assert (ran.json["clips"], ran.json["people"], ran.json["nobody"]) == (3, 2, 1)
    assert set(ran.json["map"]) == {
        "face",
        "face, body",
        "face, text",
        "face, title",
        "face, all cues",
    }
    assert ran.json["map"]["face"] == 1
    assert tvradar("evaluate", tmp_path, "--clips", tmp_path / "list.txt", "-g", few).code == 2
