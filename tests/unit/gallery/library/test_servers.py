"""Servers of media centres, spoken to on this machine in the shapes that they document."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from gallery.errors import GalleryInputError
from gallery.library.answers import MOST_TITLES, paged
from gallery.library.found import Found, Library, LibraryError, LibraryKeyError
from gallery.library.http import Http, PictureFetchError, read_key
from gallery.library.jellyfin import read_jellyfin
from gallery.library.pictures import PictureCache
from gallery.library.read import read_library
from tests.unit.gallery.library.conftest import Asked, LocalServer, jpeg

if TYPE_CHECKING:
    from pathlib import Path

KEY = "0123abcd"


def found(server: LocalServer, tmp_path: Path, kind: Any, key: str = KEY) -> tuple[Found, Http]:
    (tmp_path / "key").write_text(key + "\n")
    library = Library(kind, server.address, str(tmp_path / "key"), pause_s=0)
    titles, http = read_library(library)
    assert http is not None
    return titles, http


def kodi(asked: Asked) -> Any:
    """Answer as Kodi 20 does."""
    movies = [
        {
            "cast": [
                {"name": "Robin Wright", "order": 1, "role": "Jenny"},
                {
                    "name": "Tom Hanks",
                    "order": 0,
                    "role": "Forrest",
                    "thumbnail": "image://https%3a%2f%2fimage.example%2fa.jpg/",
                },
            ],
            "label": "Forrest Gump",
            "movieid": 1,
            "originaltitle": "Forrest Gump",
            "title": "Forrest Gump",
            "uniqueid": {"imdb": "tt0109830", "tmdb": "13"},
            "year": 1994,
        }
    ] + [{"label": f"F{n}", "title": f"F{n}", "movieid": n, "year": 0} for n in range(2, 61)]
    name = {"VideoLibrary.GetMovies": "movies", "VideoLibrary.GetTVShows": "tvshows"}[
        asked.body["method"]
    ]
    every = movies if name == "movies" else []
    limits = asked.body["params"]["limits"]
    part = every[limits["start"] : limits["end"]]
    result = {"limits": {**limits, "total": len(every)}} | ({name: part} if part else {})
    return {"id": asked.body["id"], "jsonrpc": "2.0", "result": result}


def test_kodi(server: LocalServer, tmp_path: Path) -> None:
    server.answers["/jsonrpc"] = kodi
    titles, http = found(server, tmp_path, "kodi", "me:secret")

    assert len(titles.titles) == 60
    film = titles.titles[0]
    assert (film.names, film.year, film.ids["imdb"]) == (("Forrest Gump",), 1994, "tt0109830")
    assert [(m.name, m.role) for m in film.cast] == [
        ("Tom Hanks", "Forrest"),
        ("Robin Wright", "Jenny"),
    ]
    basic = "Basic " + base64.b64encode(b"me:secret").decode()
    assert server.asked[0].headers["Authorization"] == basic
    thumbnail = "image://https%3a%2f%2fimage.example%2fa.jpg/"
    server.answers["/image/" + quote(thumbnail, safe="")] = lambda _: (200, "image/jpeg", jpeg())
    assert http.picture(film.cast[0].picture) == jpeg()


def test_kodi_answers_with_an_error(server: LocalServer, tmp_path: Path) -> None:
    server.answers["/jsonrpc"] = lambda _: {
        "error": {"code": -32601, "message": "Method not found."}
    }
    with pytest.raises(LibraryError, match=r"GetMovies: .*Method not found"):
        found(server, tmp_path, "kodi")


def jellyfin(asked: Asked) -> Any:
    """Answer as Jellyfin 10.9 does."""
    if f'Token="{KEY}"' not in asked.headers.get("Authorization", ""):
        return 401, "text/plain", b""
    if "Ids" in asked.query:
        people = [
            {"Id": "p1", "Name": "成龙", "ProviderIds": {"Tmdb": "18897", "Imdb": "nm0000329"}}
        ]
        return {"Items": people, "TotalRecordCount": 1, "StartIndex": 0}
    cast = [
        {"Name": "成龙", "Id": "p1", "Role": "Lee", "Type": "Actor", "PrimaryImageTag": "t1"},
        {"Name": "O\u2019Brien", "Id": "p2", "Role": "", "Type": "GuestStar"},
        {"Name": "Brett Ratner", "Id": "p3", "Type": "Director", "PrimaryImageTag": "t3"},
    ]
    items = [
        {
            "Name": "Rush Hour",
            "Id": "i1",
            "Type": "Movie",
            "ProductionYear": 1998,
            "People": cast,
            "ProviderIds": {"Imdb": "tt0120812"},
        },
        {"Id": "i2", "Type": "Series", "People": None},
    ]
    return {"Items": items, "TotalRecordCount": 2, "StartIndex": 0}


@pytest.mark.parametrize("kind", ["jellyfin", "emby"])
def test_jellyfin_and_emby(kind: str, server: LocalServer, tmp_path: Path) -> None:
    server.answers["/Items"] = jellyfin
    titles, http = found(server, tmp_path, kind)

    (film,) = titles.titles
    assert (film.names, film.year, film.kind) == (("Rush Hour",), 1998, "film")
    assert [(m.name, m.role, m.ids) for m in film.cast] == [
        ("成龙", "Lee", {"tmdb": "18897", "imdb": "nm0000329"}),
        ("O\u2019Brien", "", {}),
    ]
    assert titles.left_out == ("item i2: no name",)
    server.answers["/Items/p1/Images/Primary"] = lambda _: (200, "image/jpeg", jpeg())
    assert http.picture(film.cast[0].picture) == jpeg()
    assert server.asked[-1].query["tag"] == "t1"
    assert server.asked[-1].headers["X-Emby-Token"] == KEY


def plex(asked: Asked) -> Any:
    """Answer as Plex Media Server 1.40 does."""
    if asked.headers.get("X-Plex-Token") != KEY:
        return 401, "text/html", b"<html><head><title>Unauthorized</title></head></html>"
    sections = [{"key": "1", "type": "movie"}, {"key": "2", "type": "artist"}]
    role = {
        "id": 5,
        "tag": "Tom Hanks",
        "tagKey": "5d7768264de0ee001fcc8dd5",
        "role": "Forrest",
        "thumb": "https://metadata-static.plex.tv/people/5d77.jpg",
    }
    title = {"ratingKey": "9", "title": "Forrest Gump", "year": 1994}
    answers: dict[str, dict[str, Any]] = {
        "/library/sections": {"size": 2, "Directory": sections},
        "/library/sections/1/all": {"size": 1, "totalSize": 1, "Metadata": [title]},
        "/library/metadata/9": {
            "Metadata": [title | {"Guid": [{"id": "tmdb://13"}], "Role": [role, {"role": "x"}]}]
        },
    }
    return {"MediaContainer": answers[asked.path]}


def test_plex(server: LocalServer, tmp_path: Path) -> None:
    for path in ("/library/sections", "/library/sections/1/all", "/library/metadata/9"):
        server.answers[path] = plex
    titles, http = found(server, tmp_path, "plex")

    (film,) = titles.titles
    assert (film.names, film.year, film.ids) == (("Forrest Gump",), 1994, {"tmdb": "13"})
    (member,) = film.cast
    assert (member.name, member.role) == ("Tom Hanks", "Forrest")
    assert member.ids == {"plex": "5d7768264de0ee001fcc8dd5"}
    assert http.is_own(member.picture)


def test_a_server_that_promises_titles_without_end(server: LocalServer, tmp_path: Path) -> None:
    """What it says that there is does not decide how long it is asked."""

    def endless(asked: Asked) -> Any:
        answer = jellyfin(asked)
        if asked.query.get("StartIndex", "0") != "0":
            answer["Items"] = []
        return answer | {"TotalRecordCount": 10**18}

    server.answers["/Items"] = endless
    titles, http = found(server, tmp_path, "jellyfin")
    assert len(titles.titles) == 1
    assert http.requests == 3
    assert titles.incomplete == (f"titles: the server says that it has {10**18} and gave 2",)
    pages = [{"n": n} for n in range(MOST_TITLES // 2)]
    assert len(list(paged(lambda _: (pages, 10**18), len(pages), "all", []))) == MOST_TITLES


def test_a_server_that_stops_in_the_middle(server: LocalServer, tmp_path: Path) -> None:
    """An empty page is told as one after which titles may be missing, a 500 ends the reading."""
    movies = [{"title": f"F{n}", "movieid": n} for n in range(100)]

    def stops(asked: Asked) -> Any:
        start = asked.body["params"]["limits"]["start"]
        films = movies if "Movies" in asked.body["method"] else []
        part = [] if start else films[:50]
        return {"result": {"limits": {"total": len(films)}, "movies": part}}

    server.answers["/jsonrpc"] = stops
    titles, _ = found(server, tmp_path, "kodi")
    assert len(titles.titles) == 50
    assert titles.incomplete == ("movies: the server says that it has 100 and gave 50",)
    assert titles.left_out == titles.incomplete

    listed = {"/library/sections": {"Directory": [{"key": "1", "type": "movie"}]}}
    listed["/library/sections/1/all"] = {"Metadata": [{"ratingKey": "1"}, {"ratingKey": "2"}]}
    listed["/library/metadata/1,2"] = {"Metadata": [{"title": "One"}]}
    for path in listed:
        server.answers[path] = lambda asked: {"MediaContainer": listed[asked.path]}
    titles, _ = found(server, tmp_path, "plex")
    assert titles.incomplete == ("2 titles were listed, and 1 have a record",)

    def breaks(asked: Asked) -> Any:
        broken = asked.query["StartIndex"] != "0"
        return (500, "text/html", b"") if broken else jellyfin(asked) | {"TotalRecordCount": 150}

    server.answers["/Items"] = breaks
    http = Http(server.address, {"Authorization": f'Token="{KEY}"'}, tries=1)
    with pytest.raises(LibraryError, match="HTTP 500"):
        read_jellyfin(http)


@pytest.mark.parametrize(("kind", "path"), [("jellyfin", "/Items"), ("plex", "/library/sections")])
def test_a_wrong_key(kind: str, path: str, server: LocalServer, tmp_path: Path) -> None:
    server.answers[path] = {"jellyfin": jellyfin, "plex": plex}[kind]
    with pytest.raises(LibraryKeyError, match="HTTP 401, the key is refused") as caught:
        found(server, tmp_path, kind, "wrong-key")
    assert "wrong-key" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((404, "text/html", b"<html>"), "HTTP 404"),
        ((200, "text/html", b"<html>It works!</html>"), "text/html, expected JSON"),
        ((200, "application/json", b"[" * 5000), "expected JSON"),
        ((503, "text/plain", b""), "HTTP 503"),
    ],
)
def test_a_server_that_is_none(answer: Any, told: str, server: LocalServer) -> None:
    server.answers["/Items"] = lambda _: answer
    with pytest.raises(LibraryError, match=told):
        Http(server.address, tries=1).json("/Items")


def test_odd_values_are_passed_over(server: LocalServer, tmp_path: Path) -> None:
    odd = [None, 3, {"Name": ["x"]}, {"Name": "A", "People": [None, {"Name": 5}, {"Name": "B"}]}]
    server.answers["/Items"] = lambda _: {"Items": odd, "TotalRecordCount": 4}
    titles, _ = found(server, tmp_path, "jellyfin")
    assert [(t.names, [m.name for m in t.cast]) for t in titles.titles] == [(("A",), ["5", "B"])]


def test_no_server_and_no_key(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match=r"127\.0\.0\.1:9: cannot be reached"):
        Http("http://127.0.0.1:9", tries=1).json("/Items")
    with pytest.raises(GalleryInputError, match="needs a key"):
        read_library(Library("plex", "http://127.0.0.1:9"))
    with pytest.raises(GalleryInputError, match="cannot be read"):
        read_key(tmp_path / "none")
    with pytest.raises(GalleryInputError, match="--key-file"):
        Http("http://me:secret@127.0.0.1")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((404, "image/jpeg", b""), "HTTP 404"),
        ((200, "text/html; charset=utf-8", b"<!DOCTYPE html><html>Log in</html>"), "an HTML page"),
        ((200, "image/jpeg", b"\n<HTML>not here</HTML>"), "an HTML page"),
        ((200, "image/jpeg", b"garbage"), "no picture in a format"),
        ((200, "image/jpeg", b""), "nothing in it"),
    ],
)
def test_what_is_no_picture(answer: Any, told: str, server: LocalServer, tmp_path: Path) -> None:
    server.answers["/p"] = lambda _: answer
    cache = PictureCache(tmp_path / "cache", Http(server.address, tries=1))
    with pytest.raises(PictureFetchError, match=told):
        cache.get(server.address + "/p")
    assert not list((tmp_path / "cache").iterdir())


def test_pictures_are_fetched_once_and_keys_stay_home(server: LocalServer, tmp_path: Path) -> None:
    server.answers["/p"] = lambda _: (200, "image/jpeg", jpeg())
    home = Http("http://127.0.0.1:9", {"X-Emby-Token": KEY}, tries=1)
    url = server.address + "/p"
    with pytest.raises(PictureFetchError, match="--online"):
        PictureCache(tmp_path / "cache", home).get(url)

    for _ in range(2):  # a run, and the next one
        path = PictureCache(tmp_path / "cache", home, lambda _: True).get(url)
        assert path.read_bytes() == jpeg()
    assert len(server.asked) == 1
    assert "X-Emby-Token" not in server.asked[0].headers


def test_a_server_that_is_gone_ends_the_run() -> None:
    http = Http("http://127.0.0.1:9", tries=1, pause_s=0)
    for _ in range(4):
        with pytest.raises(PictureFetchError, match="cannot be reached"):
            http.picture("http://127.0.0.1:9/p")
    with pytest.raises(LibraryError, match="cannot be reached"):
        http.picture("http://127.0.0.1:9/p")


def test_requests_are_apart(server: LocalServer) -> None:
    waits: list[float] = []
    server.answers["/p"] = lambda _: {}
    http = Http(server.address, pause_s=30, sleep=waits.append)
    for _ in range(3):
        http.json("/p")
    assert [round(wait) for wait in waits] == [30, 60]  # nobody slept in between
