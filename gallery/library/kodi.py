"""Kodi over its JSON-RPC: `VideoLibrary` of version 12 and later, pictures through its server.

`https://kodi.wiki/view/JSON-RPC_API/v12`. A picture's address is `image://` with the original
address quoted in it; the server gives it out of its cache at `/image/`.
"""

from __future__ import annotations

import base64
from functools import partial
from typing import Any
from urllib.parse import quote

from gallery.library.answers import number, paged, record, records, text
from gallery.library.found import Found, LibraryError, told
from gallery.library.http import Http
from gallery.texts import brief
from gallery.titles.title import CastMember, Kind, Title

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
    incomplete: list[str] = []
    titles = tuple(
        title
        for method, name, kind in _LISTS
        for record in paged(partial(_page, http, method, name), PAGE, name, incomplete)
        if (title := _title(http, record, kind, left_out)) is not None
    )
    return Found(titles, left_out=told(incomplete + left_out), incomplete=told(incomplete))


def _page(http: Http, method: str, name: str, start: int) -> tuple[object, object]:
    limits = {"start": start, "end": start + PAGE}
    params = {"properties": _WANTED, "limits": limits}
    answer = http.json("/jsonrpc", {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    if not isinstance(answer, dict) or not isinstance(answer.get("result"), dict):
        found = answer.get("error", answer) if isinstance(answer, dict) else answer
        raise LibraryError(f"{http.address}: {method}: {brief(found)}; expected a result")
    result = answer["result"]
    return result.get(name), record(result.get("limits")).get("total")


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
