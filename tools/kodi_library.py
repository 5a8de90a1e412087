"""Write a library as Kodi exports it: 20 titles and 60 people, films where there are some.

    python -m tools.kodi_library FOLDER                          # of free photographs: may be shown
    python -m tools.kodi_library FOLDER --data ../shared/data    # of the test data: never shown
    python -m tools.kodi_library FOLDER --people 10000           # made faces only, 20 to a title

17 films and 3 series with NFO files and `.actors`; beside each film that is there, `labels.json`
says who is seen when, for `tools/evaluate_cast.py`. Of free photographs: the demonstration's
programme, its five people, and 55 made faces (`tools/made_faces.py`). A large library has a title
with 200 actors, and names in Chinese, Arabic and with apostrophes.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import msgspec

from edge.demo.compose import prepare
from edge.demo.film import Truth
from edge.demo.portraits import fetch_portraits
from engines.files import cache_dir
from gallery.store.person import derive_person_id
from tools.made_faces import FaceMaker

if TYPE_CHECKING:
    from collections.abc import Mapping

TITLES, SERIES, PEOPLE = 20, 3, 60
LARGE_CAST = 200
ENROLLED = {
    "Barack Obama": "obama_portrait",
    "Joe Biden": "biden_portrait",
    "Eileen Collins": "collins_portrait",
    "Grace Hopper": "hopper_portrait",
    "Albert Einstein": "einstein_speech",
}
ACTORS = {
    "joey": "Matt LeBlanc",
    "phoebe": "Lisa Kudrow",
    "rachel": "Jennifer Aniston",
    "ross": "David Schwimmer",
}
ROLES = {"Eileen Collins": "Pilot", "Grace Hopper": "Admiral", "Albert Einstein": "Speaker"}


@dataclass(frozen=True)
class Film:
    """A film that there is: its file, its cast, and who is seen when."""

    title: str
    file: Path
    cast: tuple[str, ...]
    labels: Any


def demo_film() -> Film:
    """Return the demonstration's programme."""
    material = prepare(cache_dir())
    truth = msgspec.json.decode(material.truth_path.read_bytes(), type=Truth)
    edges = sorted({edge for shot in truth.shots for edge in (shot.first, shot.end)})
    shots = [
        {"first": first, "last": end - 1, "visible": sorted(seen_in(truth, first) - {""})}
        for first, end in pairwise(edges)
    ]
    return Film("Portraits in Motion", material.video_path, tuple(ENROLLED), {"shots": shots})


def seen_in(truth: Truth, frame: int) -> set[str]:
    """Return the ids of who is to be seen in a frame; a dissolve shows the people of two shots."""
    shots = [shot for shot in truth.shots if shot.first <= frame < shot.end]
    return {known(person) for shot in shots for person in (*shot.people, *shot.strangers)}


def known(person: str) -> str:
    """Return the id in the library of one of the programme's people; empty for a stranger."""
    names = {derive_person_id(name)[0].lower(): derive_person_id(name)[0] for name in ENROLLED}
    return names.get(person.lstrip("?"), "")


def films_of(data: Path) -> list[Film]:
    """Return the labelled films of the test data."""
    found = []
    for title, folder in (("Concert", data / "concert"), ("Friends", data / "films" / "friends")):
        names = {p.name: shown(p.name) for p in sorted((folder / "portraits").iterdir())}
        text = (folder / "labels.json").read_text()
        for key, name in names.items():
            text = text.replace(f'"{key}"', f'"{derive_person_id(name)[0]}"')
        found.append(Film(title, folder / "clip.mp4", tuple(names.values()), json.loads(text)))
    return found


def shown(folder: str) -> str:
    """Return a name as an NFO has it."""
    return ACTORS.get(folder, folder.replace("_", " ").title())


def real_people(data: Path) -> dict[str, Path]:
    """Return a picture of each of the test data's people."""
    found: dict[str, Path] = {}
    sets = [data / "concert" / "portraits", data / "films" / "friends" / "portraits"]
    for folder in (*sets, data / "population" / "colour", data / "actors"):
        for person in sorted(folder.iterdir()):
            found.setdefault(shown(person.name), min(person.iterdir()))
    return found


def made_people(folder: Path, taken: int) -> dict[str, Path]:
    """Write made faces until there are enough; return their files."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for number, face in enumerate(FaceMaker().distinct(PEOPLE - taken), 1):
        path = folder / f"{number}.jpg"
        cv2.imwrite(str(path), cv2.resize(face, (336, 336), interpolation=cv2.INTER_CUBIC))
        found[f"Player {number:02}"] = path
    return found


def write_title(folder: Path, root: str, title: str, year: int, cast: Mapping[str, Path]) -> None:
    """Write an NFO file with the pictures of its actors beside it."""
    (folder / ".actors").mkdir(parents=True)
    actors = "".join(
        f"<actor><name>{escape(n)}</name><role>{escape(ROLES.get(n, ''))}</role></actor>"
        for n in cast
    )
    nfo = f"<{root}><title>{escape(title)}</title><year>{year}</year>{actors}</{root}>\n"
    (folder / f"{root}.nfo").write_text(nfo)
    for name, picture in cast.items():
        shutil.copy(picture, folder / ".actors" / f"{name.replace(' ', '_')}{picture.suffix}")


def write_library(folder: Path, data: Path | None) -> dict[str, int]:
    """Write the library; return how much of what it has."""
    random.seed(0)
    paths = fetch_portraits(cache_dir() / "demo" / "photographs")
    people = {name: paths[portrait] for name, portrait in ENROLLED.items()}
    if data:
        others = {n: p for n, p in real_people(data).items() if n not in people}
        people |= dict(list(others.items())[: PEOPLE - len(people)])
    else:
        people |= made_people(folder / ".made", len(people))
    films = [demo_film(), *(films_of(data) if data else [])]
    rest = [n for n in people if n not in {name for film in films for name in film.cast}]
    for number in range(TITLES):
        film = films[number] if number < len(films) else None
        root = "tvshow" if number >= TITLES - SERIES else "movie"
        title = film.title if film else f"Title {number + 1}"
        own = film.cast if film else (rest[number % len(rest)],)
        every = len(films) + len(rest) // (TITLES - len(films)) + 1
        more = rest[(number - len(films)) * every :][:every] if not film else []
        cast = list(dict.fromkeys([*own, *more, *(random.sample(rest, 2) if not film else [])]))
        year = 1990 + number
        place = folder / f"{title} ({year})"
        write_title(place, root, title, year, {n: people[n] for n in cast})
        if film:
            shutil.copy(film.file, place / f"{title}.mp4")
            (place / "labels.json").write_text(json.dumps(film.labels))
    return {"titles": TITLES, "people": len(people), "films": len(films)}


def name_of(number: int) -> str:
    """Return a name of a large library, in one of several scripts."""
    forms = ("Player {}", "Síle O'Neill {}", "李安 {}", "عمر الشريف {}", "D’Arcy-Ångström {}")  # noqa: RUF001
    return forms[number % len(forms)].format(number)


def write_large(folder: Path, people: int) -> dict[str, int]:
    """Write a library of made faces: a title with 200 actors first, then 20 to a title."""
    pictures = folder / ".made"
    pictures.mkdir(parents=True, exist_ok=True)
    every: dict[str, Path] = {}
    for number, face in enumerate(FaceMaker().many(people)):
        every[name_of(number)] = pictures / f"{number}.jpg"
        cv2.imwrite(str(every[name_of(number)]), face)
    names, titles, start = list(every), 0, 0
    while start < people:
        end = start + (LARGE_CAST if titles == 0 else 20)
        cast = {n: every[n] for n in names[start:end]}
        write_title(folder / f"Title {titles}", "movie", f"Title {titles}", 1950, cast)
        titles, start = titles + 1, end
    return {"titles": titles, "people": people, "films": 0}


def main() -> None:
    """Write it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, help="test data whose people and films are taken")
    parser.add_argument("--people", type=int, help="instead: this many made faces")
    given = parser.parse_args()
    large = given.people is not None
    made = (
        write_large(given.folder, given.people)
        if large
        else write_library(given.folder, given.data)
    )
    print(json.dumps(made))


if __name__ == "__main__":
    main()
