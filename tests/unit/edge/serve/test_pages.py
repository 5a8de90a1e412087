"""What the page says: every language says all of it, with the same places for names and numbers."""

from __future__ import annotations

import re

import pytest

from edge.serve.pages import languages, page_file, texts

ENGLISH = languages()["en"]


def flat(tree: dict[str, object]) -> dict[str, object]:
    """Return forms and tables under dotted names; plural forms under that of the last."""
    found: dict[str, object] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            plural = "other" in value
            found |= {f"{key}.{k}": v for k, v in value.items() if not plural or k == "other"}
        else:
            found[key] = value
    return found


def places(text: object) -> list[str]:
    return sorted(re.findall(r"\{\w+\}", str(text)))


@pytest.mark.parametrize("language", sorted(languages()))
def test_a_language_says_all_that_english_says(language: str) -> None:
    english, other = flat(ENGLISH), flat(languages()[language])
    assert sorted(other) == sorted(english)
    assert {k: places(v) for k, v in other.items()} == {k: places(v) for k, v in english.items()}
    assert other["dir"] in {"ltr", "rtl"}


def test_chinese_is_said_as_viewers_say_it() -> None:
    zh = flat(languages()["zh"])
    assert (zh["retry"], zh["not"], zh["now"]) == ("请稍后再试", "认错人了", "正在出镜")
    assert (zh["why.below_threshold"], zh["unknown"]) == ("暂未收录", "暂未识别到人物")
    assert zh["refused"] == "感谢反馈\uff0c已不再显示该姓名"
    assert "返回键 关闭" in str(zh["choose"])
    assert zh["year"] == "\uff08{year}\uff09"


def test_one_script_has_them_all() -> None:
    script = texts().decode()
    assert script.startswith("window.tvradarTexts = {")
    assert '"rtl"' in script


def test_there_is_no_other_file() -> None:
    assert page_file("base.js").status_code == 200
    assert page_file("languages").status_code == 404
    assert page_file("../http.py").status_code == 404
