"""Wikidata and Wikimedia Commons: casts by SPARQL, pictures with their author and licence.

`https://www.wikidata.org/wiki/Wikidata:SPARQL_query_service`,
`https://commons.wikimedia.org/w/api.php`. Tested against a server on this machine that answers in
the documented shapes; not tried against the live service.
"""

from __future__ import annotations

import html
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec

from gallery.library.answers import record, records, text
from gallery.library.found import Found, told
from gallery.library.http import Http
from gallery.titles.title import CastMember, Title, year_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gallery.library.wanted import Wanted

QUERIES = "https://query.wikidata.org"
COMMONS = "https://commons.wikimedia.org"
WIDTH_PX = 640
TOGETHER = 40
LANGUAGES = ("en", "mul", "zh", "ja", "ko", "fr", "de", "es", "it")
_ENTITY = re.compile(r".*/entity/(Q[0-9]+)")
_FILE = re.compile(r"https?://commons\.wikimedia\.org/wiki/Special:FilePath/(.+)")
_TAG = re.compile(r"<[^>]*>")
_QUERY = """SELECT ?film ?filmLabel ?date ?person ?personLabel ?role ?image ?imdb ?tmdb WHERE {
  %s
  ?film p:P161 ?statement . ?statement ps:P161 ?person .
  OPTIONAL { ?film wdt:P577 ?date }
  OPTIONAL { ?statement pq:P4633 ?role }
  OPTIONAL { ?person wdt:P18 ?image }
  OPTIONAL { ?person wdt:P345 ?imdb }
  OPTIONAL { ?person wdt:P4985 ?tmdb }
  SERVICE wikibase:label { bd:serviceParam wikibase:language "en,mul,zh". }
} LIMIT 2000"""


class Wikidata:
    """Asks Wikidata and Commons.

    Args:
        server: another address that speaks for both; empty for the services' own.
        pause_s: least time between two requests.
    """

    def __init__(self, server: str = "", pause_s: float = 1.0) -> None:
        self.http = Http(server or QUERIES, pause_s=max(pause_s, 0.02))
        self._commons = Http(server or COMMONS, pause_s=max(pause_s, 0.02))

    def read(self, wanted: Sequence[Wanted]) -> Found:
        """Return the titles that were found; those that were not are left out and told.

        Raises:
            LibraryError: a service cannot be reached, or answers something else.
        """
        titles, left_out = [], []
        for one in wanted:
            answer = self.http.json("/sparql", None, query=query_for(one), format="json")
            rows = records(record(record(answer).get("results")).get("bindings"))
            found = _title(one, [{k: _value(v) for k, v in row.items()} for row in rows])
            if found is None:
                left_out.append(f"{one.name}: no cast found at Wikidata")
            else:
                titles.append(found)
        files = {m.picture for t in titles for m in t.cast if m.picture}
        pictures = self._pictures(sorted(files))
        left_out += [f"{name}: no such picture at Commons" for name in files - pictures.keys()]
        return Found(
            tuple(_with_pictures(title, pictures) for title in titles),
            left_out=told(left_out),
            origins={url: (source, licence) for url, source, licence in pictures.values()},
        )

    def _pictures(self, files: list[str]) -> dict[str, tuple[str, str, str]]:
        """Return address, author with page, and licence of files of Commons, by name."""
        found = {}
        for start in range(0, len(files), TOGETHER):
            answer = self._commons.json(
                "/w/api.php",
                None,
                action="query",
                format="json",
                formatversion=2,
                prop="imageinfo",
                iiprop="url|extmetadata",
                iiurlwidth=WIDTH_PX,
                titles="|".join(f"File:{name}" for name in files[start : start + TOGETHER]),
            )
            for page in records(record(record(answer).get("query")).get("pages")):
                for info in records(page.get("imageinfo"))[:1]:
                    name = text(page.get("title"), 1024).removeprefix("File:")
                    found[name] = _picture(info)
        return {name: picture for name, picture in found.items() if picture[0]}


def query_for(wanted: Wanted) -> str:
    """Return the SPARQL for a title's cast."""
    if wanted.imdb:
        return _QUERY % f'?film wdt:P345 "{wanted.imdb}" .'
    quoted = wanted.name.replace("\\", "\\\\").replace('"', '\\"')
    labels = " ".join(f'"{quoted}"@{language}' for language in LANGUAGES)
    kind = "Q11424" if wanted.kind == "film" else "Q5398426"
    which = f"VALUES ?label {{ {labels} }} ?film rdfs:label ?label ; wdt:P31/wdt:P279* wd:{kind} ."
    if wanted.year is not None:
        which += f" ?film wdt:P577 ?shown . FILTER(YEAR(?shown) = {wanted.year})"
    return _QUERY % which


def _value(cell: object) -> str:
    return text(record(cell).get("value"), 2048)


def _title(wanted: Wanted, rows: list[dict[str, str]]) -> Title | None:
    """Return a title of the rows that are the first film's; each date and id makes a row."""
    films: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        films[row.get("film", "")].append(row)
    films.pop("", None)
    if not films:
        return None
    film, own = next(iter(films.items()))
    members: dict[str, CastMember] = {}
    for row in own:
        entity = _ENTITY.fullmatch(row.get("person", ""))
        name = row.get("personLabel", "")
        if entity is None or not name or entity[1] == name or entity[1] in members:
            continue
        file = _FILE.fullmatch(row.get("image", ""))
        ids = {"wikidata": entity[1], "imdb": row.get("imdb", ""), "tmdb": row.get("tmdb", "")}
        members[entity[1]] = CastMember(
            name,
            row.get("role", ""),
            unquote(file[1]).replace("_", " ") if file else "",
            {provider: value for provider, value in ids.items() if value},
        )
    years = [year for row in own if (year := year_of(row.get("date")))]
    return Title(
        tuple(dict.fromkeys(n for n in (own[0].get("filmLabel", ""), wanted.name) if n)),
        min(years, default=wanted.year),
        tuple(members.values()),
        kind=wanted.kind,
        ids={"wikidata": entity[1]} if (entity := _ENTITY.fullmatch(film)) else {},
        where="Wikidata",
    )


def _picture(info: dict[str, Any]) -> tuple[str, str, str]:
    about = record(info.get("extmetadata"))

    def told_of(name: str) -> str:
        return text(html.unescape(_TAG.sub("", text(record(about.get(name)).get("value"), 4096))))

    page = text(info.get("descriptionurl"), 1024)
    author = told_of("Artist") or "author not told"
    url = text(info.get("thumburl"), 2048) or text(info.get("url"), 2048)
    return url, f"{author}, {page}", told_of("LicenseShortName") or "licence not told"


def _with_pictures(title: Title, pictures: dict[str, tuple[str, str, str]]) -> Title:
    cast = tuple(
        msgspec.structs.replace(m, picture=pictures.get(m.picture, ("",))[0]) for m in title.cast
    )
    return msgspec.structs.replace(title, cast=cast)
