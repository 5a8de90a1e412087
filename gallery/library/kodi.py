"""Kodi over its JSON-RPC: `VideoLibrary` of version 12 and later, pictures through its server.

`https://kodi.wiki/view/JSON-RPC_API/v12`. A picture's address is `image://` with the original
address quoted in it; the server gives it out of its cache at `/image/`.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gallery.library.answers import number, record, records, text, total_of
from gallery.library.found import Found, LibraryError, told
from gallery.library.http import Http
from gallery.texts import brief
from gallery.titles.title import CastMember, Kind, Title

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = 50
_LISTS: tuple[tuple[str, str, Kind], ...] = (
    ("VideoLibrary.GetMovies", "movies", "film"),
    ("VideoLibrary.GetTVShows", "tvshows", "series"),
)
_WANTED = ["title", "originaltitle", "year", "uniqueid", "cast"]


def kodi_client(address: str, key: str, pause_s: float) -> Http:
    """Return a client; the key is `USER:PASSWORD`, as Kodi's web server wants it, or empty."""
    basic = {"Authorization": "Basic " + base64.b64encode(key.encode()).decode()} if key else {}
    return Http(address.removesuffix("/jsonrpc"), basic, pause_s=pause_s)


def read_kodi(http: Http) -> Found:
    """Return the films and series of a running Kodi.

    Raises:
        LibraryError, LibraryKeyError: see `Http.json`; or Kodi answers with an error.
    """
    left_out: list[str] = []
    titles = tuple(
        title
        for method, name, kind in _LISTS
        for record in _pages(http, method, name)
        if (title := _title(http, record, kind, left_out)) is not None
    )
    return Found(titles, left_out=told(left_out))


def _pages(http: Http, method: str, name: str) -> Iterator[dict[str, Any]]:
    start, total = 0, 1
    while start < total:
        limits = {"start": start, "end": start + PAGE}
        body = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": method,
            "params": {"properties": _WANTED, "limits": limits},
        }
        answer = http.json("/jsonrpc", body)
        if not isinstance(answer, dict) or not isinstance(answer.get("result"), dict):
            found = answer.get("error", answer) if isinstance(answer, dict) else answer
            raise LibraryError(f"{http.address}: {method}: {brief(found)}; expected a result")
        result = answer["result"]
        found_limits = result.get("limits")
        found = records(result.get(name))
        total = total_of(record(found_limits).get("total"), start, found)
        yield from found
        start += PAGE


def _title(http: Http, record: dict[str, Any], kind: Kind, left_out: list[str]) -> Title | None:
    name = text(record.get("title") or record.get("label"))
    if not name:
        left_out.append(f"{kind} {record.get('movieid', record.get('tvshowid', '?'))}: no title")
        return None
    ids = record.get("uniqueid")
    return Title(
        tuple(dict.fromkeys(n for n in (name, text(record.get("originaltitle"))) if n)),
        number(record.get("year")) or None,
        tuple(
            CastMember(
                text(member.get("name")),
                text(member.get("role")),
                _picture(http, text(member.get("thumbnail"), 4096)),
            )
            for member in sorted(records(record.get("cast")), key=lambda m: number(m.get("order")))
            if text(member.get("name"))
        ),
        kind=kind,
        ids={k: text(v) for k, v in ids.items()} if isinstance(ids, dict) else {},
        where=http.address,
    )


def _picture(http: Http, thumbnail: str) -> str:
    if not thumbnail.startswith("image://"):
        return ""
    return http.url("/image/" + quote(thumbnail, safe=""))
