"""Plex over HTTP: `/library/sections`, their titles, `Role` with `thumb`.

Lists cut casts short; the whole cast stands in a title's own record. Pictures of people lie on
Plex's servers in the internet: they are asked for through the server's own `/photo/:/transcode`,
so that this machine talks to nobody else.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from gallery.library.answers import number, paged, record, records, text
from gallery.library.found import Found, told
from gallery.library.http import Http, required
from gallery.titles.title import CastMember, Kind, Title

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = 100
TOGETHER = 20
_KINDS: dict[str, tuple[int, Kind]] = {"movie": (1, "film"), "show": (2, "series")}


def plex_client(address: str, key: str, pause_s: float) -> Http:
    """Return a client; the key is the server's token."""
    key = required(key, "plex")
    headers = {"X-Plex-Token": key, "Accept": "application/json"}
    return Http(address, headers, pause_s=pause_s)


def read_plex(http: Http) -> Found:
    """Return the films and series of a server.

    Raises:
        LibraryError, LibraryKeyError: see `Http.json`.
    """
    left_out: list[str] = []
    incomplete: list[str] = []
    titles: list[Title] = []
    sections = _container(http.json("/library/sections")).get("Directory")
    for section in records(sections):
        if section.get("type") not in _KINDS:
            continue
        number_of, kind = _KINDS[section["type"]]
        key = text(section.get("key"))
        page = partial(_page, http, key, number_of)
        found = paged(page, PAGE, f"section {key}", incomplete)
        keys = [k for item in found if (k := text(item.get("ratingKey")))]
        for item in _records_of(http, keys, incomplete):
            if text(item.get("title")):
                titles.append(_title(http, item, kind))
            else:
                left_out.append(f"item {text(item.get('ratingKey')) or '?'}: no title")
    every = told(incomplete + left_out)
    return Found(tuple(titles), left_out=every, incomplete=told(incomplete))


def _records_of(http: Http, keys: list[str], incomplete: list[str]) -> Iterator[dict[str, Any]]:
    """Yield titles' own records, in as few questions as their addresses allow."""
    given = 0
    for start in range(0, len(keys), TOGETHER):
        some = quote(",".join(keys[start : start + TOGETHER]), safe=",")
        answer = _container(http.json(f"/library/metadata/{some}", includeGuids=1))
        found = records(answer.get("Metadata"))
        given += len(found)
        yield from found
    if given < len(keys):
        incomplete.append(f"{len(keys)} titles were listed, and {given} have a record")


def _container(answer: object) -> dict[str, Any]:
    return record(record(answer).get("MediaContainer"))


def _page(http: Http, section: str, kind: int, start: int) -> tuple[object, object]:
    query = {"X-Plex-Container-Start": start, "X-Plex-Container-Size": PAGE}
    path = f"/library/sections/{quote(section, safe='')}/all"
    answer = _container(http.json(path, None, type=kind, **query))
    return answer.get("Metadata"), answer.get("totalSize") or answer.get("size")


def _title(http: Http, item: dict[str, Any], kind: Kind) -> Title:
    names = (text(item.get("title")), text(item.get("originalTitle")))
    guids = (text(guid.get("id")).partition("://") for guid in records(item.get("Guid")))
    return Title(
        tuple(dict.fromkeys(name for name in names if name)),
        number(item.get("year")) or None,
        tuple(
            CastMember(
                text(role.get("tag")),
                text(role.get("role")),
                _picture(http, text(role.get("thumb"), 2048)),
                {"plex": key} if (key := text(role.get("tagKey"))) else {},
            )
            for role in records(item.get("Role"))
            if text(role.get("tag"))
        ),
        kind=kind,
        ids={provider: value for provider, _, value in guids if value},
        where=http.address,
    )


def _picture(http: Http, thumb: str) -> str:
    if not thumb:
        return ""
    query = urlencode({"width": 600, "height": 900, "minSize": 1, "url": thumb})
    return http.url(f"/photo/:/transcode?{query}")
