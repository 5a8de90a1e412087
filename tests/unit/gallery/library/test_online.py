"""TMDB and Wikidata: their documented answers, given by a server on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gallery.errors import GalleryInputError
from gallery.library.found import Library, LibraryKeyError
from gallery.library.read import read_library
from gallery.library.wanted import Wanted, read_wanted
from gallery.library.wikidata import query_for
from tests.unit.gallery.library.conftest import Asked, LocalServer, jpeg

if TYPE_CHECKING:
    from pathlib import Path

KEY = "f" * 32


def library(kind: Any, server: LocalServer, tmp_path: Path, titles: str) -> Library:
    (tmp_path / "titles.txt").write_text(titles)
    (tmp_path / "key").write_text(KEY)
    return Library(
        kind,
        str(tmp_path / "titles.txt"),
        str(tmp_path / "key"),
        online=True,
        pause_s=0,
        server=server.address,
    )


def tmdb(asked: Asked) -> Any:
    """Answer as version 3 of TMDB's API is documented to."""
    if asked.query.get("api_key") != KEY:
        return 401, "application/json", b'{"status_code":7,"success":false}'
    hanks = {"id": 31, "name": "Tom Hanks", "original_name": "Tom Hanks", "profile_path": "/h.jpg"}
    found = {"id": 13, "title": "Forrest Gump", "release_date": "1994-06-23"}
    series = {"id": 4607, "name": "Lost", "first_air_date": "2004-09-22"}
    return {
        "/3/search/movie": {
            "page": 1,
            "results": [found] if "Gump" in asked.query.get("query", "") else [],
        },
        "/3/search/tv": {"page": 1, "results": [series]},
        "/3/movie/13/credits": {
            "id": 13,
            "cast": [
                {"id": 32, "name": "Robin Wright", "order": 1, "profile_path": None},
                hanks | {"character": "Forrest Gump", "order": 0},
            ],
        },
        "/3/tv/4607/aggregate_credits": {
            "id": 4607,
            "cast": [hanks | {"order": 0, "roles": [{"character": "Jack", "episode_count": 9}]}],
        },
    }[asked.path]


def test_tmdb(server: LocalServer, tmp_path: Path) -> None:
    for path in ("search/movie", "search/tv", "movie/13/credits", "tv/4607/aggregate_credits"):
        server.answers[f"/3/{path}"] = tmdb
    wanted = "Forrest Gump (1994)\nseries: Lost (2004)\nNobody's Film\n"
    found, http = read_library(library("tmdb", server, tmp_path, wanted))

    film, series = found.titles
    assert (film.names, film.year, film.ids) == (("Forrest Gump",), 1994, {"tmdb": "13"})
    assert [(m.name, m.role, m.ids) for m in film.cast] == [
        ("Tom Hanks", "Forrest Gump", {"tmdb": "31"}),
        ("Robin Wright", "", {"tmdb": "32"}),
    ]
    assert (series.names, series.kind, series.cast[0].role) == (("Lost",), "series", "Jack")
    assert found.left_out == ("Nobody's Film: not found at TMDB",)
    assert server.asked[0].query["year"] == "1994"
    picture = film.cast[0].picture
    assert picture == server.address + "/t/p/h632/h.jpg"
    assert found.origins[picture][0] == "themoviedb.org/person/31"
    server.answers["/t/p/h632/h.jpg"] = lambda _: (200, "image/jpeg", jpeg())
    assert http is not None
    assert http.picture(picture) == jpeg()
    assert "api_key" not in server.asked[-1].query


def test_tmdb_refuses_a_key(server: LocalServer, tmp_path: Path) -> None:
    server.answers["/3/search/movie"] = lambda _: (401, "application/json", b"{}")
    with pytest.raises(LibraryKeyError, match="HTTP 401") as caught:
        read_library(library("tmdb", server, tmp_path, "A"))
    assert KEY not in str(caught.value)


def cell(value: str) -> dict[str, str]:
    return {"type": "literal", "value": value}


def test_wikidata(server: LocalServer, tmp_path: Path) -> None:
    entity = "http://www.wikidata.org/entity/"
    film = {
        "film": cell(entity + "Q134773"),
        "filmLabel": cell("Forrest Gump"),
        "date": cell("1994-07-06T00:00:00Z"),
    }
    commons = "http://commons.wikimedia.org/wiki/Special:FilePath/"
    rows = [
        film
        | {
            "person": cell(entity + "Q2263"),
            "personLabel": cell("Tom Hanks"),
            "image": cell(commons + "Tom%20Hanks%20%26%20co.jpg"),
            "imdb": cell("nm0000158"),
            "tmdb": cell("31"),
            "role": cell("Forrest"),
        },
        film | {"person": cell(entity + "Q9"), "personLabel": cell("Q9")},  # has no name
        film
        | {
            "person": cell(entity + "Q8"),
            "personLabel": cell("成龙"),
            "image": cell(commons + "Gone.jpg"),
        },
    ]
    info = {
        "thumburl": server.address + "/thumb.jpg",
        "url": server.address + "/full.jpg",
        "descriptionurl": "https://commons.wikimedia.org/wiki/File:Tom_Hanks_%26_co.jpg",
        "extmetadata": {
            "LicenseShortName": {"value": "CC BY-SA 4.0"},
            "Artist": {"value": '<a href="//x">Ann &amp; Bo</a>'},
        },
    }
    pages = [
        {"title": "File:Gone.jpg", "missing": True},
        {"title": "File:Tom Hanks & co.jpg", "imageinfo": [info]},
    ]
    server.answers["/sparql"] = lambda _: {"head": {}, "results": {"bindings": rows}}
    server.answers["/w/api.php"] = lambda _: {"batchcomplete": True, "query": {"pages": pages}}

    found, _ = read_library(library("wikidata", server, tmp_path, "Forrest Gump (1994)"))

    (title,) = found.titles
    assert (title.names, title.year, title.ids) == (
        ("Forrest Gump",),
        1994,
        {"wikidata": "Q134773"},
    )
    hanks, chan = title.cast
    assert (hanks.name, hanks.role) == ("Tom Hanks", "Forrest")
    assert hanks.ids == {"wikidata": "Q2263", "imdb": "nm0000158", "tmdb": "31"}
    assert (chan.name, chan.picture) == ("成龙", "")
    assert found.origins[hanks.picture] == (
        "Ann & Bo, https://commons.wikimedia.org/wiki/File:Tom_Hanks_%26_co.jpg",
        "CC BY-SA 4.0",
    )
    assert found.left_out == ("Gone.jpg: no such picture at Commons",)
    assert server.asked[1].query["titles"] == "File:Gone.jpg|File:Tom Hanks & co.jpg"


def test_wikidata_knows_nothing(server: LocalServer, tmp_path: Path) -> None:
    server.answers["/sparql"] = lambda _: {"results": {"bindings": []}}
    found, _ = read_library(library("wikidata", server, tmp_path, "A\nB"))
    assert found.titles == ()
    assert found.left_out == (
        "A: no cast found at Wikidata",
        "B: no cast found at Wikidata",
    )


def test_a_title_cannot_leave_its_quotes() -> None:
    query = query_for(Wanted('A" } DROP \\'))
    assert '"A\\" } DROP \\\\"@en' in query
    assert 'wdt:P345 "tt0109830"' in query_for(Wanted("tt0109830", imdb="tt0109830"))


def test_titles_wanted(tmp_path: Path) -> None:
    path = tmp_path / "titles.txt"
    path.write_text(
        "\ufeff# mine\n\n 2001: A Space Odyssey (1968)\nSERIES: Lost\ntt0109830\n红高粱\n"
    )
    assert read_wanted(path) == (
        Wanted("2001: A Space Odyssey", 1968),
        Wanted("Lost", None, "series"),
        Wanted("tt0109830", imdb="tt0109830"),
        Wanted("红高粱"),
    )
    path.write_text("#\n")
    with pytest.raises(GalleryInputError, match="0 titles"):
        read_wanted(path)
    with pytest.raises(GalleryInputError, match="cannot be read"):
        read_wanted(tmp_path)
