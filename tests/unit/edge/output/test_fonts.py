from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from edge.output import fonts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


NONE = fonts.KnownFonts((), ())


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("PATH", str(tmp_path))
    fonts._find.cache_clear()
    yield
    fonts._find.cache_clear()


@pytest.mark.usefixtures("bare_machine")
def test_without_any_font_pillow_has_its_own(caplog: pytest.LogCaptureFixture) -> None:
    assert fonts.font_for("Ann Lee", 20, NONE).getlength("Ann Lee") > 20
    assert not caplog.records


@pytest.mark.usefixtures("bare_machine")
def test_a_script_without_font_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        fonts.font_for("乔", 20, NONE)
        fonts.font_for("乔", 30, NONE)
    (record,) = caplog.records
    assert "fonts-noto-cjk" in record.getMessage()


def test_charsets_are_read_as_ranges() -> None:
    assert fonts._parse_charset("20-22 4e2d") == {0x20, 0x21, 0x22, 0x4E2D}
    assert fonts._parse_charset("") == set()
