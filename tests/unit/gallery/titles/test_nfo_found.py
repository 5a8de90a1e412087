"""NFO files: as Kodi, Jellyfin and tinyMediaManager write them, and as they are found damaged."""

import contextlib
from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gallery.errors import GalleryInputError
from gallery.titles.nfo import parse_all
from gallery.titles.title import CastMember, Title, one_line

KODI = """<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>
<movie>
    <title>Forrest Gump</title>
    <originaltitle>Forrest Gump</originaltitle>
    <year>1994</year>
    <uniqueid type="imdb" default="true">tt0109830</uniqueid>
    <uniqueid type="tmdb">13</uniqueid>
    <actor><name>Robin Wright</name><role>Jenny</role><order>1</order><thumb></thumb></actor>
    <actor><name>Tom Hanks</name><role>Forrest</role><order>0</order>
        <thumb>https://image.tmdb.org/t/p/original/a.jpg</thumb></actor>
</movie>
"""


def test_kodi_film() -> None:
    (title,) = parse_all(KODI.encode(), "movie.nfo")

    assert (title.names, title.kind, title.year) == (("Forrest Gump",), "film", 1994)
    assert title.ids == {"imdb": "tt0109830", "tmdb": "13"}
    assert title.cast == (
        CastMember("Tom Hanks", "Forrest", "https://image.tmdb.org/t/p/original/a.jpg"),
        CastMember("Robin Wright", "Jenny"),
    )


def test_ids_of_people_and_who_does_not_play() -> None:
    content = """<tvshow><title>S</title><premiered>2019-03-02</premiered>
    <actor><name>A</name><tmdbid>31</tmdbid><imdbid>nm0000158</imdbid></actor>
    <actor><name>B</name><profile>https://www.themoviedb.org/person/32</profile></actor>
    <actor><name>C</name><type>GuestStar</type><sortorder>7</sortorder></actor>
    <actor><name>D</name><type>Director</type></actor></tvshow>"""

    (title,) = parse_all(content.encode(), "tvshow.nfo")

    assert (title.kind, title.year) == ("series", 2019)
    assert [c.name for c in title.cast] == ["A", "B", "C"]
    assert [c.ids for c in title.cast] == [{"tmdb": "31", "imdb": "nm0000158"}, {"tmdb": "32"}, {}]


def test_episodes_in_one_file() -> None:
    one = "<episodedetails><title>{}</title><showtitle>S</showtitle></episodedetails>"
    declared = '<?xml version="1.0" encoding="utf-8"?>'

    titles = parse_all(f"{declared}{one.format(1)}\n{declared}{one.format(2)}".encode(), "x")

    assert [(t.names[0], t.series, t.kind) for t in titles] == [
        ("1", "S", "episode"),
        ("2", "S", "episode"),
    ]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (KODI.encode() + b"https://www.imdb.com/title/tt0109830/?a=1&b=2", "Forrest Gump"),
        (b"\xef\xbb\xbf" + KODI.encode(), "Forrest Gump"),
        (b"\xff\xfe" + KODI.replace("UTF-8", "UTF-16").encode("utf-16-le"), "Forrest Gump"),
        (b"<movie><title>Tom & Jerry</title></movie>", "Tom & Jerry"),
        (b"<movie><title>Am&eacute;lie &amp; co&nbsp;</title></movie>", "Amélie & co"),
        (b"<movie><title>Am\xe9lie</title></movie>", "Amélie"),
        ("<movie><title>千と千尋の神隠し\x01</title></movie>".encode(), "千と千尋の神隠し"),
        (
            "<movie><title>\u202eعمر الشريف</title></movie>".encode(),
            "عمر الشريف",
        ),
        (b"<movie><title>  The\n  Wire </title></movie>", "The Wire"),
    ],
)
def test_files_as_they_are_found(content: bytes, name: str) -> None:
    assert parse_all(content, "x.nfo")[0].names[0] == name


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "not whole"),
        (b"https://www.themoviedb.org/movie/13", "an address only"),
        (KODI.encode()[:300], "not whole"),
        (b"<movie><title>A</movie>", "mismatched tag"),
        (b"<movie></movie>", "has no title"),
        (b"<html><body>404</body></html>", "not whole"),
        (
            b'<?xml version="1.0"?><!DOCTYPE m [<!ENTITY a "b">]><movie><title>&a;</title></movie>',
            "document type",
        ),
    ],
)
def test_what_is_no_nfo_is_told_in_a_line(content: bytes, told: str) -> None:
    with pytest.raises(GalleryInputError, match=told) as caught:
        parse_all(content, "x.nfo")
    assert "\n" not in str(caught.value)


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40).filter(
    lambda text: one_line(text) == text
)
CREDITS = st.builds(
    CastMember,
    name=NAMES,
    role=st.one_of(st.just(""), NAMES),
    ids=st.dictionaries(st.sampled_from(["imdb", "tmdb"]), st.from_regex(r"\Anm[0-9]{1,9}\Z")),
    picture=st.one_of(st.just(""), NAMES),
)
TITLES = st.builds(
    Title,
    names=NAMES.map(lambda name: (name,)),
    year=st.one_of(st.none(), st.integers(1000, 9999)),
    cast=st.lists(CREDITS, max_size=5).map(tuple),
)


def nfo_of(title: Title) -> str:
    """Return a film's NFO as Kodi writes it."""

    def tag(name: str, text: object) -> str:
        return f"<{name}>{escape(str(text))}</{name}>"

    actors = (
        "<actor>"
        + tag("name", c.name)
        + tag("role", c.role)
        + "".join(tag(f"{provider}id", value) for provider, value in c.ids.items())
        + tag("thumb", c.picture)
        + "</actor>"
        for c in title.cast
    )
    head = tag("title", title.names[0]) + tag("year", title.year or "")
    return f"<movie>{head}{''.join(actors)}</movie>"


@given(TITLES)
def test_what_was_written_is_read(title: Title) -> None:
    (read,) = parse_all(nfo_of(title).encode(), "")

    assert (read.names, read.year) == (title.names, title.year)
    assert read.cast == title.cast


@given(TITLES, st.data())
def test_damage_is_told_or_survived(title: Title, data: st.DataObject) -> None:
    content = bytearray(nfo_of(title).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=4))
        if not content:
            break
    try:
        titles = parse_all(bytes(content), "x.nfo")
    except GalleryInputError as error:
        assert str(error).startswith("x.nfo: ")  # noqa: PT017
        return
    for read in titles:
        assert read.names
        assert all(c.name == one_line(c.name) != "" for c in read.cast)


@given(st.binary(max_size=200).map(lambda b: b"<movie>" + b + b"</movie>"))
@example(b"<movie>" * 50_000 + b"</movie>" * 50_000)
@example(b"<?xml version='1.0' encoding='rot13'?><movie><title>A</title></movie>")
@example(b"<?xml version='1.0' encoding='idna'?><movie><title>..</title></movie>")
def test_any_bytes(content: bytes) -> None:
    with contextlib.suppress(GalleryInputError):
        parse_all(content, "x")
