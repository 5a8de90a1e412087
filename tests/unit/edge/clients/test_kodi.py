"""The Kodi add-on: what it shows, and that it is what Kodi takes."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from defusedxml.ElementTree import parse

if TYPE_CHECKING:
    from types import ModuleType

ADDON = Path(__file__).resolve().parents[4] / "edge" / "clients" / "kodi" / "script.tvradar"
SIDECAR: dict[str, Any] = {
    "format": "tvradar-sidecar",
    "version": 1,
    "people": [{"id": "lin", "name": "Lin"}, {"id": "bo", "name": "Bo"}],
    "tracks": [
        {"ids": ["lin"], "start_s": 1.0, "end_s": 3.0, "boxes": []},
        {"ids": ["bo", "lin"], "start_s": 1.0, "end_s": 3.0, "boxes": []},
        {"ids": ["bo"], "start_s": 4.0, "end_s": 6.0, "boxes": []},
    ],
}


def load() -> ModuleType:
    path = ADDON / "resources" / "lib" / "tvradar_answer.py"
    spec = importlib.util.spec_from_file_location("tvradar_answer", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


answer = load()


@pytest.mark.parametrize(
    ("at_s", "names"),
    [(0.5, []), (2.0, ["Lin"]), (4.5, ["Bo", "Lin"]), (5.5, ["Bo"]), (9.0, [])],
)
def test_who_is_there_and_who_has_just_gone(at_s: float, names: list[str]) -> None:
    assert [card["name"] for card in answer.cards_at(SIDECAR, at_s)] == names


@pytest.mark.parametrize(
    ("film", "beside"),
    [
        ("/films/A.mkv", "/films/A.tvradar.json"),
        ("smb://nas/f.d/Mr. Robot.mkv", "smb://nas/f.d/Mr. Robot.tvradar.json"),
        ("C:\\films\\A.mp4", "C:\\films\\A.tvradar.json"),
    ],
)
def test_where_the_sidecar_lies(film: str, beside: str) -> None:
    assert answer.sidecar_path(film) == beside


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"format": "tvradar-sidecar"}', b"\xff"])
def test_what_is_no_sidecar(content: bytes) -> None:
    assert answer.parse_sidecar(content) is None


def test_the_service_is_asked_and_told_the_title() -> None:
    asked: list[tuple[str, bytes | None, dict[str, str]]] = []
    answers: dict[str, Any] = {
        "/api/title": {},
        "/api/press": {"people": [{"id": "李安", "names": {"en": "Ang Lee", "zh": "李安"}}]},
        "/api/people/%E6%9D%8E%E5%AE%89": {
            "works": [{"title": {"en": "Film"}, "year": 2000, "role": "X"}]
        },
    }

    def opener(url: str, data: bytes | None, headers: dict[str, str]) -> bytes:
        asked.append((url, data, headers))
        return json.dumps(answers[url.removeprefix("http://tv")]).encode()

    service = answer.Service("http://tv/", "secret", "zh", opener)
    service.tell_title("片", 2000, [f"演员{n}" for n in range(999)])
    (card,) = service.press()

    title = json.loads(asked[0][1] or b"")
    assert (title["title"], title["year"], title["cast"][0]) == ("片", 2000, "演员0")
    assert len(asked[0][1] or b"") <= 4096
    assert {headers["Authorization"] for _, _, headers in asked} == {"Bearer secret"}
    assert card["name"] == "李安"
    assert card["photo"] == "http://tv/api/people/%E6%9D%8E%E5%AE%89/photo"
    assert answer.lines_of(card) == ["Film (2000): X"]


def test_files_are_as_kodi_wants_them() -> None:
    addon = parse(ADDON / "addon.xml").getroot()
    assert addon.get("id") == ADDON.name
    script = addon.find("extension[@point='xbmc.python.script']")
    assert (ADDON / script.get("library")).is_file()
    settings = parse(ADDON / "resources" / "settings.xml").getroot()
    wanted = {e.get(k) for e in settings.iter() for k in ("label", "help") if e.get(k)}
    code = (ADDON / "resources" / "lib" / "tvradar_window.py").read_text()
    wanted |= set(re.findall(r"_tell\((\d+)\)", code))
    for language in ("en_gb", "zh_cn"):
        folder = ADDON / "resources" / "language" / f"resource.language.{language}"
        texts = re.findall(
            r'msgctxt "#(\d+)"\nmsgid "(.+)"\nmsgstr "(.*)"', (folder / "strings.po").read_text()
        )
        assert wanted <= {number for number, _, _ in texts}
        assert all(text for *_, text in texts) == (language == "zh_cn")
    ids = {e.get("id") for e in settings.iter("setting")}
    assert set(re.findall(r'getSetting\w+\("(\w+)"\)', code)) == ids
