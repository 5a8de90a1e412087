"""Who is on screen at a time of a film: from its sidecar, else from the running service.

Nothing of Kodi is imported here, so that it can be tested without.
"""

from __future__ import annotations

import json
import re
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Card = dict[str, Any]
    Opener = Callable[[str, bytes | None, dict[str, str]], bytes]

LOOK_BACK_S = 2.0
MOST = 5
MAX_ANSWER_BYTES = 1 << 20
MAX_TITLE_BYTES = 4096
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,5}$")


def sidecar_path(film: str) -> str:
    """Return where a film's sidecar lies: `film.mp4` has `film.tvradar.json`, in any folder."""
    folder, slash, name = film.rpartition("/")
    if "\\" in name:
        folder, slash, name = film.rpartition("\\")
    return folder + slash + _ENDING.sub("", name) + ".tvradar.json"


def parse_sidecar(content: bytes) -> dict[str, Any] | None:
    """Return a sidecar of the version that is known here, or None."""
    try:
        found = json.loads(content)
    except ValueError:
        return None
    if not isinstance(found, dict) or found.get("format") != "tvradar-sidecar":
        return None
    return found if found.get("version") == 1 else None


def cards_at(sidecar: dict[str, Any], time_s: float) -> list[Card]:
    """Return the cards for a press: who is there, then who went within two seconds."""
    people = {person["id"]: person for person in sidecar["people"]}
    here, gone = {}, {}
    for track in sidecar["tracks"]:
        if len(track["ids"]) != 1 or track["start_s"] > time_s:
            continue
        who = track["ids"][0]
        if time_s < track["end_s"]:
            here[who] = None
        elif time_s - LOOK_BACK_S < track["end_s"]:
            gone[who] = None
    ids = [*here, *(who for who in gone if who not in here)]
    return [people[who] for who in ids if who in people][:MOST]


class Service:
    """The running service.

    Args:
        url: its address.
        token: empty for none.
        lang: of names.
        opener: sends a request and returns the answer's bytes; tests pass their own.
    """

    def __init__(self, url: str, token: str, lang: str, opener: Opener | None = None) -> None:
        self._url, self._lang = url.rstrip("/"), lang
        self._headers = {"Authorization": "Bearer " + token} if token else {}
        self._open = opener or _open

    def tell_title(self, title: str, year: int, cast: list[str]) -> None:
        """Tell which title plays, and as many names of its cast as the service takes."""
        body: dict[str, Any] = {"title": title, "cast": list(cast)}
        if year:
            body["year"] = year
        while body["cast"] and len(json.dumps(body)) > MAX_TITLE_BYTES:
            body["cast"].pop()
        self._ask("/api/title", body)

    def press(self) -> list[Card]:
        """Press the button; return the cards.

        Raises:
            OSError: the service cannot be reached, or refuses.
            ValueError: it answers something else.
        """
        answer = self._ask("/api/press", {})
        cards = []
        for person in answer["people"][:MOST]:
            path = "/api/people/" + urllib.parse.quote(person["id"], safe="")
            told = self._ask(path, None)
            works = [
                {**work, "title": self._in_language(work.get("title"))}
                for work in told.get("works", [])
            ]
            cards.append(
                {
                    "id": person["id"],
                    "name": self._in_language(person.get("names")),
                    "role": self._in_language(person.get("role")),
                    "works": works,
                    "photo": self._url + path + "/photo",
                }
            )
        return cards

    def _ask(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        headers = {**self._headers, "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        content = self._open(self._url + path, data, headers)
        found = json.loads(content) if content else {}
        if not isinstance(found, dict):
            raise ValueError(path)  # noqa: TRY004 (what callers expect of a wrong answer)
        return found

    def _in_language(self, texts: Any) -> str:
        if not isinstance(texts, dict):
            return str(texts or "")
        wanted = texts.get(self._lang) or texts.get("en")
        return str(wanted or next(iter(texts.values()), ""))


def _open(url: str, data: bytes | None, headers: dict[str, str]) -> bytes:
    if not url.startswith(("http://", "https://")):
        raise OSError(url)
    request = urllib.request.Request(url, data, headers)
    with urllib.request.urlopen(request, timeout=3) as answer:
        return bytes(answer.read(MAX_ANSWER_BYTES))


def lines_of(card: Card) -> list[str]:
    """Return a card's lines under the name: role, and up to three works."""
    lines = [card["role"]] if card.get("role") else []
    for work in card.get("works", [])[:3]:
        year = f" ({work['year']})" if work.get("year") else ""
        role = ": " + work["role"] if work.get("role") else ""
        lines.append(work["title"] + year + role)
    return lines
