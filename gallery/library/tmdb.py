"""The Movie Database, version 3 of its API, with the user's own key.

`https://developer.themoviedb.org/reference`. Tested against a server on this machine that answers
in the documented shapes; not tried against the live service.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from gallery.library.answers import number, record, records, text
from gallery.library.found import Found, LibraryError, told
from gallery.library.http import Http, required
from gallery.titles.title import CastMember, Title, year_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gallery.library.wanted import Wanted

ADDRESS = "https://api.themoviedb.org"
PICTURES = "https://image.tmdb.org"
MAX_CAST = 60
"""Of one title; who comes later is rarely seen."""
_PATH = re.compile(r"/[A-Za-z0-9_.-]+")
_LICENCE = "terms of use of TMDB"


class Tmdb:
    """Asks The Movie Database.

    Args:
        key: the API key of 32 characters, or the read access token.
        server: another address that speaks for both of its hosts; empty for the service's own.
        pause_s: least time between two requests.
    """

    def __init__(self, key: str, server: str = "", pause_s: float = 0.25) -> None:
        key = required(key, "tmdb")
        self._key = {} if len(key) > 40 else {"api_key": key}
        headers = {} if self._key else {"Authorization": f"Bearer {key}"}
        self.http = Http(server or ADDRESS, headers, pause_s=max(pause_s, 0.02))
        self._pictures = f"{server or PICTURES}/t/p/h632"

    def read(self, wanted: Sequence[Wanted]) -> Found:
        """Return the titles that were found; those that were not are left out and told.

        Raises:
            LibraryError, LibraryKeyError: see `Http.json`.
        """
        titles, left_out = [], []
        for one in wanted:
            found = self._search(one)
            if found is None:
                left_out.append(f"{one.name}: not found at TMDB")
            else:
                titles.append(self._title(found, one))
        origins = {
            member.picture: (f"themoviedb.org/person/{member.ids['tmdb']}", _LICENCE)
            for title in titles
            for member in title.cast
            if member.picture
        }
        return Found(tuple(titles), left_out=told(left_out), origins=origins)

    def _search(self, wanted: Wanted) -> dict[str, Any] | None:
        what = "movie" if wanted.kind == "film" else "tv"
        if wanted.imdb:
            answer = self._get(f"/3/find/{wanted.imdb}", external_source="imdb_id")
            films, series = records(answer.get("movie_results")), records(answer.get("tv_results"))
            return next(iter([*films, *series]), None)
        year = (
            {}
            if wanted.year is None
            else {"year" if what == "movie" else "first_air_date_year": wanted.year}
        )
        answer = self._get(f"/3/search/{what}", query=wanted.name, **year)
        return next(iter(records(answer.get("results"))), None)

    def _title(self, found: dict[str, Any], wanted: Wanted) -> Title:
        series = wanted.kind == "series" or "first_air_date" in found
        title_id = number(found.get("id"))
        path = f"/3/tv/{title_id}/aggregate_credits" if series else f"/3/movie/{title_id}/credits"
        cast = sorted(records(self._get(path).get("cast")), key=lambda m: number(m.get("order")))
        names = [text(found.get(k)) for k in ("title", "name", "original_title", "original_name")]
        date = text(found.get("release_date")) or text(found.get("first_air_date"))
        return Title(
            tuple(dict.fromkeys(n for n in names if n)) or (wanted.name,),
            year_of(date),
            tuple(self._member(m) for m in cast[:MAX_CAST] if text(m.get("name"))),
            kind="series" if series else "film",
            ids={"tmdb": str(title_id)},
            where="TMDB",
        )

    def _member(self, member: dict[str, Any]) -> CastMember:
        path = text(member.get("profile_path"))
        roles = records(member.get("roles"))
        role = text(member.get("character")) or (text(roles[0].get("character")) if roles else "")
        picture = self._pictures + path if _PATH.fullmatch(path) else ""
        return CastMember(
            text(member.get("name")), role, picture, {"tmdb": str(number(member.get("id")))}
        )

    def _get(self, path: str, **query: object) -> dict[str, Any]:
        answer = self.http.json(path, None, **self._key, **query)
        if not isinstance(answer, dict):
            raise LibraryError(f"TMDB: {path}: expected an object")
        return record(answer)
