"""`tvradar library`: a gallery out of a media library, by the command line."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from gallery.search.open import open_gallery
from gallery.store.person import Work
from tests.free import SECOND, STAR
from tests.integration.conftest import TVRADAR, tvradar
from tests.unit.gallery.library.conftest import Asked, LocalServer, server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.free import Free

__all__ = ["server"]


def title_of(person: str) -> str:
    return person.replace("_", " ").title()


def write_film(folder: Path, title: str, cast: dict[str, str], pictures: dict[str, Path]) -> None:
    """Write a film's folder as Kodi exports it."""
    (folder / ".actors").mkdir(parents=True)
    actors = "".join(
        f"<actor><name>{name}</name><role>{role}</role></actor>" for name, role in cast.items()
    )
    (folder / "movie.nfo").write_text(
        f"<movie><title>{title}</title><year>2001</year>{actors}</movie>"
    )
    for name, picture in pictures.items():
        shutil.copy(picture, folder / ".actors" / f"{name.replace(' ', '_')}{picture.suffix}")


def test_kodi_folder(free: Free, tmp_path: Path) -> None:
    films, gallery = tmp_path / "films", tmp_path / "gallery"
    first = {"Barack Obama": "himself", "Peter O'Toole": "Henry", "李安": "", "Page Html": ""}
    write_film(films / "A", "A Film & More".replace("&", "&amp;"), first, {})
    shutil.copy(free.person(STAR), films / "A" / ".actors" / "Barack_Obama.jpg")
    (films / "A" / ".actors" / "Page_Html.jpg").write_text("<html>404</html>")
    (films / "B").mkdir()
    (films / "B" / "movie.nfo").write_text("<movie><title>broken")

    ran = tvradar("library", "import", "--from", "kodi", films, "-o", gallery, "--json")
    assert ran.code == 0, ran.err
    report = ran.json
    assert (report["titles"], report["people"], report["enrolled"]) == (1, 4, 1)
    assert report["one_picture"] == ["Barack_Obama"]
    assert {m["id"] for m in report["no_picture"]} == {"Peter_O_Toole", "李安", "Page_Html"}
    assert [line for line in report["left_out"] if "B/movie.nfo: " in line]
    person = open_gallery(gallery).person("Barack_Obama")
    assert person.name() == "Barack Obama"
    assert person.works == (Work("A Film & More", 2001, "himself"),)

    write_film(films / "C", "Later", {"Joe Biden": ""}, {"Joe Biden": free.person(SECOND)})
    ran = tvradar("library", "update", gallery, "--json")
    assert (ran.code, ran.json["enrolled"], ran.json["release"]) == (0, 2, 2), ran.err
    ran = tvradar("identify", free.pair, "--gallery", gallery, "--json")
    assert {p["name"] for p in ran.json["people"]} == {"Barack Obama", "Joe Biden"}

    # Joe Biden is in the film and in the gallery, but not in the film's cast.
    shutil.copy(free.clip, films / "A" / "a.mp4")
    page, before = tmp_path / "faces.html", open_gallery(gallery)
    ran = tvradar("library", "learn", films / "A" / "a.mp4", "-g", gallery, "-o", page, "--json")
    assert (ran.code, ran.json["people"]) == (0, ["Barack_Obama"]), ran.err
    assert open_gallery(gallery).release == 2
    ran = tvradar("library", "accept", page, "--without", "1,99")
    assert (ran.code, "no face has the number 99" in ran.err) == (2, True)
    ran = tvradar("library", "accept", page, "--json")
    assert (ran.code, ran.json["enrolled"], ran.json["one_picture"]) == (0, 2, ["Joe_Biden"])
    after = open_gallery(gallery)
    assert len(after.person("Barack_Obama").pictures) > 1
    for person, same in (("Joe_Biden", True), ("Barack_Obama", False)):
        was, now = before.templates_of(person), after.templates_of(person)
        assert (was.shape == now.shape and bool((was == now).all())) == same

    write_film(tmp_path / "more" / "D", "Other", {"Ann": ""}, {"Ann": free.person(SECOND)})
    ran = tvradar("library", "import", "--from", "kodi", tmp_path / "more", "-o", gallery)
    told = " ".join(ran.err.split())
    assert (ran.code, "a gallery has one library" in told, "nothing was ch" in told) == (3, 1, 1)

    (films / "C").rename(tmp_path / "offline")
    ran = tvradar("library", "update", gallery, "--json")
    told = " ".join(ran.err.split())
    assert (ran.code, "1 of 2 people would leave it (Joe Biden), with Later" in told) == (3, True)
    assert "Joe_Biden" in open_gallery(gallery)
    ran = tvradar("library", "update", gallery, "--json", "--let-go")
    assert (ran.code, ran.json["left"]) == (0, [{"id": "Joe_Biden", "name": "Joe Biden"}]), ran.err
    assert "Joe_Biden" not in open_gallery(gallery)


def test_a_gallery_of_other_people_is_not_replaced(few: Path, tmp_path: Path) -> None:
    write_film(tmp_path / "films" / "A", "A", {"Ann": ""}, {})
    ran = tvradar("library", "import", "--from", "tmm", tmp_path / "films", "-o", few)
    assert ran.code == 2
    assert "would replace everybody" in " ".join(ran.err.split())
    ran = tvradar("library", "update", few)
    assert (ran.code, "not made by" in ran.err) == (2, True)


@pytest.mark.usefixtures("few")
def test_a_run_that_was_killed_goes_on(
    server: LocalServer,
    free: Free,
    tmp_path: Path,
) -> None:
    running: list[subprocess.Popen[bytes]] = []
    people = [
        {"Name": title_of(p.name), "Id": p.name, "PrimaryImageTag": "1", "Type": "Actor"}
        for p in sorted(free.people.iterdir())
    ]

    def items(asked: Asked) -> Any:
        films = [] if "Ids" in asked.query else [{"Name": "A", "Type": "Movie", "People": people}]
        return {"Items": films, "TotalRecordCount": len(films)}

    def picture(asked: Asked) -> Any:
        name = asked.path.split("/")[2]
        if running and name == people[2]["Id"]:
            running.pop().send_signal(signal.SIGKILL)
        return 200, "image/jpeg", free.person(name).read_bytes()

    server.answers["/Items"] = items
    for person in people:
        server.answers[f"/Items/{person['Id']}/Images/Primary"] = picture
    (tmp_path / "key").write_text("k")
    words = ["library", "import", "--from", "jellyfin", server.address, "--json"]
    words += ["--key-file", str(tmp_path / "key"), "-o", str(tmp_path / "gallery")]

    with subprocess.Popen([TVRADAR, *words], stdout=subprocess.DEVNULL, env=os.environ) as killed:
        running.append(killed)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "gallery").exists()

    ran = tvradar(*words)
    assert ran.code == 0, ran.err
    assert ran.json["enrolled"] == 3
    assert ran.json["pictures"] == {"fetched": 1, "kept": 2}
