"""Jellyfin and Emby over HTTP: `/Items` with `People`, ids of people, `/Items/{id}/Images`.

`https://api.jellyfin.org`, `https://dev.emby.media/doc/restapi`. The two differ in how they want
the key and in the base path, which is part of the address (`http://host:8096/emby`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from gallery.library.answers import number, paged, record, records, text
from gallery.library.found import Found, told
from gallery.library.http import Http, required
from gallery.titles.title import CastMember, Title

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PAGE = 100
PICTURE_PX = 600
_PLAYING = frozenset({"Actor", "GuestStar", ""})
_PROVIDERS = {"Imdb": "imdb", "Tmdb": "tmdb", "Tvdb": "tvdb"}


def jellyfin_client(address: str, key: str, pause_s: float) -> Http:
    """Return a client for Jellyfin or Emby."""
    key = required(key, "jellyfin and emby")
    headers = {"Authorization": f'MediaBrowser Token="{key}"', "X-Emby-Token": key}
    return Http(address, headers, pause_s=pause_s)


def read_jellyfin(http: Http) -> Found:
    """Return the films and series of a server.

    Raises:
        LibraryError, LibraryKeyError: see `Http.json`.
    """
    left_out: list[str] = []
    incomplete: list[str] = []
    items = []
    for item in paged(partial(_page, http), PAGE, "titles", incomplete):
        if text(item.get("Name")):
            items.append(item)
        else:
            left_out.append(f"item {text(item.get('Id')) or '?'}: no name")
    wanted = dict.fromkeys(
        text(p.get("Id")) for i in items for p in records(i.get("People")) if _plays(p)
    )
    ids = dict(_people_ids(http, [i for i in wanted if i]))
    titles = tuple(_title(http, item, ids) for item in items)
    return Found(titles, left_out=told(incomplete + left_out), incomplete=told(incomplete))


def _page(http: Http, start: int) -> tuple[object, object]:
    answer = record(
        http.json(
            "/Items",
            Recursive="true",
            IncludeItemTypes="Movie,Series",
            Fields="People,ProviderIds,OriginalTitle",
            SortBy="SortName",
            StartIndex=start,
            Limit=PAGE,
        )
    )
    return answer.get("Items"), answer.get("TotalRecordCount")


def _people_ids(http: Http, people: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what other providers call people, in as few questions as their addresses allow."""
    for start in range(0, len(people), 50):
        some = ",".join(people[start : start + 50])
        answer = record(http.json("/Items", Ids=some, Fields="ProviderIds"))
        for item in records(answer.get("Items")):
            yield text(item.get("Id")), _ids(item)


def _ids(item: dict[str, Any]) -> dict[str, str]:
    given = record(item.get("ProviderIds")).items()
    return {_PROVIDERS[p]: text(value) for p, value in given if p in _PROVIDERS and text(value)}


def _plays(person: dict[str, Any]) -> bool:
    return text(person.get("Type")) in _PLAYING and bool(text(person.get("Name")))


def _title(http: Http, item: dict[str, Any], ids: dict[str, dict[str, str]]) -> Title:
    names: Iterable[str] = (text(item.get("Name")), text(item.get("OriginalTitle")))
    return Title(
        tuple(dict.fromkeys(name for name in names if name)),
        number(item.get("ProductionYear")) or None,
        tuple(
            CastMember(
                text(person.get("Name")),
                text(person.get("Role")),
                _picture(http, person),
                ids.get(text(person.get("Id")), {}),
            )
            for person in records(item.get("People"))
            if _plays(person)
        ),
        kind="series" if item.get("Type") == "Series" else "film",
        ids=_ids(item),
        where=http.address,
    )


def _picture(http: Http, person: dict[str, Any]) -> str:
    """Return a picture's address; it has the picture's tag, so that it changes with it."""
    tag, person_id = text(person.get("PrimaryImageTag")), text(person.get("Id"))
    if not tag or not person_id:
        return ""
    query = urlencode({"tag": tag, "maxWidth": PICTURE_PX, "format": "Jpg"})
    return http.url(f"/Items/{quote(person_id, safe='')}/Images/Primary?{query}")
