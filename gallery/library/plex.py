"""Plex over HTTP: `/library/sections`, their titles, `Role` with `thumb`.

Lists cut casts short; the whole cast stands in a title's own record. Pictures of people lie on
Plex's servers in the internet: they are asked for through the server's own `/photo/:/transcode`,
so that this machine talks to nobody else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from gallery.library.answers import number, record, records, text, total_of
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
    titles: list[Title] = []
    sections = _container(http.json("/library/sections")).get("Directory")
    for section in records(sections):
        if section.get("type") not in _KINDS:
            continue
        number_of, kind = _KINDS[section["type"]]
        keys = list(_keys(http, text(section.get("key")), number_of))
        for start in range(0, len(keys), TOGETHER):
            some = quote(",".join(keys[start : start + TOGETHER]), safe=",")
            answer = _container(http.json(f"/library/metadata/{some}", includeGuids=1))
            for item in records(answer.get("Metadata")):
                if text(item.get("title")):
                    titles.append(_title(http, item, kind))
                else:
                    left_out.append(f"item {text(item.get('ratingKey')) or '?'}: no title")
    return Found(tuple(titles), left_out=told(left_out))


def _container(answer: object) -> dict[str, Any]:
    return record(record(answer).get("MediaContainer"))


def _keys(http: Http, section: str, kind: int) -> Iterator[str]:
    start, total = 0, 1
    while start < total:
        query = {"X-Plex-Container-Start": start, "X-Plex-Container-Size": PAGE}
        answer = _container(
            http.json(f"/library/sections/{quote(section, safe='')}/all", None, type=kind, **query)
        )
        found = records(answer.get("Metadata"))
        yield from (key for item in found if (key := text(item.get("ratingKey"))))
        total = total_of(answer.get("totalSize") or answer.get("size"), start, found)
        start += PAGE


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
