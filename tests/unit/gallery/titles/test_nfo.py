import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery.errors import GalleryInputError
from gallery.titles.nfo import MAX_BYTES, parse_all, parse_nfo, read_nfo
from gallery.titles.title import CastMember

MOVIE = """<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>
<movie>
  <title>La vita è bella</title><originaltitle>Life</originaltitle><year>1997</year>
  <plot>One.</plot>
  <set><name>No actor</name></set>
  <actor><name>Roberto Benigni</name><role>Guido</role><order>0</order>
    <thumb>https://example.org/1.jpg</thumb></actor>
  <actor><name>成龙</name></actor>
  <actor><role>nobody</role></actor>
</movie>"""


def test_reads_what_media_libraries_write() -> None:
    title = parse_nfo(MOVIE.encode())
    assert (title.names, title.year, title.text) == (("La vita è bella", "Life"), 1997, "One.")
    assert title.cast == (
        CastMember("Roberto Benigni", "Guido", "https://example.org/1.jpg"),
        CastMember("成龙"),
    )


def test_an_address_or_another_episode_may_follow() -> None:
    one, two = (f"<episodedetails><title>{n}</title></episodedetails>" for n in ("One", "Two"))
    assert parse_nfo((one + two).encode()).names == ("One",)
    assert parse_nfo(f"{one}\nhttps://example.org/tt1\n".encode()).names == ("One",)


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        *((name, "") for name in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")),
        ("iso-8859-1", "iso-8859-1"),
        ("utf-16-le", "utf-16"),  # without the mark
        ("utf-8", "utf-16"),  # .NET's strings say so wherever they are written
    ],
)
def test_reads_other_encodings(encoding: str, declared: str) -> None:
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    text = f"{head}<movie><title>Amélie</title></movie>"
    assert parse_nfo(text.encode(encoding)).names == ("Amélie",)


@pytest.mark.parametrize("name", ["xbmcmultiepisode", "kodimultiepisode"])
def test_episodes_may_stand_in_a_root_of_their_own(name: str) -> None:
    one, two = (f"<episodedetails><title>{n}</title></episodedetails>" for n in ("One", "Two"))
    text = f'<?xml version="1.0"?><{name}>{one}{two}</{name}>'
    assert [title.names for title in parse_all(text.encode())] == [("One",), ("Two",)]


def test_a_namespace_is_no_hindrance() -> None:
    assert parse_nfo(b'<movie xmlns="http://x"><title>A</title></movie>').names == ("A",)


@pytest.mark.parametrize(
    "damaged",
    [
        MOVIE[: len(MOVIE) // 2],
        "",
        "https://example.org/tt1",
        "<movie><year>1997</year></movie>",
        "<html><title>a page</title></html>",
        '<!DOCTYPE m [<!ENTITY a "b">]><movie><title>&a;</title></movie>',
        '<!DOCTYPE m SYSTEM "file:///etc/passwd"><movie><title>a</title></movie>',
        '<?xml version="1.0" encoding="none-such"?><movie><title>a</title></movie>',
        "<movie><title>a</title>" + "<a>" * 100_000,
    ],
)
def test_a_damaged_one_is_refused_with_a_reason(damaged: str, tmp_path: Path) -> None:
    path = tmp_path / "film.nfo"
    path.write_text(damaged)
    with pytest.raises(GalleryInputError, match=r"film\.nfo: .*expected"):
        read_nfo(path)


@pytest.mark.parametrize("part", ["<?xml", "&a", "</movie", "<movie", "<!--"])
def test_many_beginnings_without_an_end_are_read_at_once(part: str) -> None:
    """Each was once looked for to the end of the file: hours for a file of the size allowed."""
    begun = time.process_time()
    with suppress(GalleryInputError):
        parse_nfo(f"<movie><title>a</title>{part * 100_000}</movie>".encode())
    assert time.process_time() - begun < 5


def test_a_missing_or_enormous_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GalleryInputError, match="expected an NFO"):
        read_nfo(tmp_path / "none.nfo")
    with pytest.raises(GalleryInputError, match="at most"):
        parse_nfo(b" " * (MAX_BYTES + 1))


@given(st.integers(0, len(MOVIE.encode()) - 1), st.binary(max_size=4), st.integers(0, 4))
def test_any_change_is_read_or_refused(place: int, put: bytes, cut: int) -> None:
    data = MOVIE.encode()
    try:
        title = parse_nfo(data[:place] + put + data[place + cut :])
    except GalleryInputError:
        return
    assert title.names
    assert all(member.name for member in title.cast)
