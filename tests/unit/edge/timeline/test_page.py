from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from edge.offline.summary import IdentifiedFace
from edge.timeline.build import build_timeline
from edge.timeline.page import data_uri, to_html

PNG = b"\x89PNG\r\n\x1a\n123"


def faces(name: str) -> list[IdentifiedFace]:
    box = (0.0, 0.0, 9.0, 9.0)
    return [IdentifiedFace(n / 25, n, 1, box, "a", name, 0.5, None, ()) for n in range(50)]


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parse(html: str) -> Page:
    page = Page()
    page.feed(html)
    return page


def tag_counts(page: Page) -> list[str]:
    return [tag for tag, _ in page.tags]


@given(st.text(max_size=40))
def test_no_name_or_file_name_adds_a_tag(name: str) -> None:
    plain = parse(to_html(build_timeline(faces("Plain"), source="film.mp4")))
    odd = parse(to_html(build_timeline(faces(name), source=name)))
    assert tag_counts(plain) == tag_counts(odd)


def test_markup_shows_as_text() -> None:
    name = '"><script>alert(1)</script>'
    page = parse(to_html(build_timeline(faces(name), source="f/<b>.mp4")))
    assert name in page.text
    assert "<b>.mp4" in page.text
    assert tag_counts(page).count("script") == 1


def test_bars_lie_where_the_person_is_seen() -> None:
    html = to_html(build_timeline(faces("Ann"), source="f", duration_s=8.0))
    assert 'style="left:0.0000%;width:25.0000%"' in html


def test_thumbnails_are_data_and_nothing_is_loaded() -> None:
    html = to_html(build_timeline(faces("Ann"), source="f"), {"a": PNG})
    page = parse(html)
    (image,) = [attributes for tag, attributes in page.tags if tag == "img"]
    assert image["src"] == data_uri(PNG)
    assert all("http" not in (v or "") for _, attrs in page.tags for v in attrs.values())


def test_what_is_no_picture_gives_initials() -> None:
    assert data_uri(b"<svg onload=alert(1)>") == ""
    html = to_html(build_timeline(faces("Ann Lee"), source="f"), {"a": b"<svg>"})
    assert "AL" in parse(html).text
    assert "<svg" not in html


def test_chinese_words_of_the_page() -> None:
    page = parse(to_html(build_timeline(faces("艾琳"), source="f"), lang="zh-Hant"))
    assert "艾" in page.text
    assert any("谁在何时出现" in text for text in page.text)


def test_nobody_is_said() -> None:
    assert "Nobody was named" in to_html(build_timeline([], source="f"))


def test_long_films_have_few_ticks() -> None:
    for duration in (0.5, 59, 5400, 90_000):
        html = to_html(build_timeline(faces("A"), source="f", duration_s=duration))
        assert 1 <= html.count('class="tick') <= 10
