"""Libraries on a disk, as Kodi, tinyMediaManager and Jellyfin lay them out."""

import unicodedata
from pathlib import Path

import pytest

from gallery.errors import GalleryInputError
from gallery.library.folders import read_folders
from gallery.library.http import PictureFetchError
from gallery.library.people import people_of
from gallery.library.pictures import PictureCache


def write(path: Path, content: str = "picture") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def nfo(root: str, title: str, *actors: str, thumb: str = "") -> str:
    cast = "".join(f"<actor><name>{a}</name><thumb>{thumb}</thumb></actor>" for a in actors)
    return f"<{root}><title>{title}</title>{cast}</{root}>"


def test_kodi_and_tinymediamanager(tmp_path: Path) -> None:
    film = tmp_path / "Films" / "A (2000)"
    write(film / "A.nfo", nfo("movie", "A", "Peter O'Toole", "成龙", "Nobody Here"))
    toole = write(film / ".actors" / "Peter_O'Toole.jpg")
    chan = write(film / ".actors" / "成龙.png")
    series = tmp_path / "Series" / "S"
    write(series / "tvshow.nfo", nfo("tvshow", "S", "Ann Lee"))
    write(series / "Season 1" / "S01E01.nfo", nfo("episodedetails", "One", "Ann Lee"))
    ann = write(series / ".actors" / "Ann_Lee.tbn")
    write(film / "fanart.jpg")

    found = read_folders(tmp_path)

    assert [t.names[0] for t in found.titles] == ["A", "S", "One"]
    assert [m.picture for m in found.titles[0].cast] == [str(toole), str(chan), ""]
    assert {m.picture for t in found.titles[1:] for m in t.cast} == {str(ann)}
    assert found.left_out == ()


def test_pictures_of_another_film_are_not_taken(tmp_path: Path) -> None:
    write(tmp_path / "A" / "A.nfo", nfo("movie", "A", "Ann Lee"))
    write(tmp_path / "B" / ".actors" / "Ann_Lee.jpg")
    assert read_folders(tmp_path).titles[0].cast[0].picture == ""


def test_jellyfin_keeps_people_apart(tmp_path: Path) -> None:
    inside = "/config/metadata/People/A/Ann Lee/folder.jpg"
    write(tmp_path / "films" / "A" / "movie.nfo", nfo("movie", "A", "Ann Lee", thumb=inside))
    ann = write(tmp_path / "config" / "metadata" / "People" / "A" / "Ann Lee" / "folder.jpg")
    write(ann.with_name("person.nfo"), "<person/>")

    found = read_folders(tmp_path / "films", tmp_path / "config")
    (person,), _ = people_of(found.titles, found.pictures, {})

    assert person.pictures == (str(ann),)


def test_thumbs_are_addresses_or_files(tmp_path: Path) -> None:
    write(tmp_path / "a.nfo", nfo("movie", "A", "X", thumb="https://image.example/1.jpg"))
    write(tmp_path / "b.nfo", nfo("movie", "B", "X", thumb="x.jpg"))
    picture = write(tmp_path / "x.jpg")
    found = read_folders(tmp_path)
    assert [t.cast[0].picture for t in found.titles] == [
        "https://image.example/1.jpg",
        str(picture),
    ]


def test_what_is_damaged_is_told(tmp_path: Path) -> None:
    write(tmp_path / "a.nfo", "<movie><title>A</movie>")
    write(tmp_path / "b.nfo", "https://www.imdb.com/title/tt1")
    write(tmp_path / "c.nfo", nfo("movie", "C"))
    (tmp_path / "d.nfo").symlink_to(tmp_path / "none.nfo")
    (tmp_path / "e.nfo").mkdir()

    found = read_folders(tmp_path)

    assert [t.names[0] for t in found.titles] == ["C"]
    assert [line.rpartition("/")[2].partition(":")[0] for line in found.left_out] == [
        "d.nfo",
        "a.nfo",
        "b.nfo",
    ]
    assert found.incomplete == found.left_out[:1]  # d.nfo may be there again tomorrow


def test_what_lies_beside_films_is_no_fault(tmp_path: Path) -> None:
    write(tmp_path / "a.nfo", nfo("movie", "A", "Ann Lee").replace("</movie>", "<set/></movie>"))
    for other in ("set", "collection", "season", "artist", "album", "person"):
        write(
            tmp_path / f"{other}.nfo", f'<?xml version="1.0"?><{other}><title>x</title></{other}>'
        )
    found = read_folders(tmp_path)
    assert ([t.names for t in found.titles], found.left_out) == ([("A",)], ())


@pytest.mark.parametrize(
    "thumb",
    [r"C:\Films\A\x.jpg", r"\\nas\films\x.jpg", "smb://nas/x.jpg", "/mnt/gone/x.jpg", "file:///x"],
)
def test_pictures_of_another_machine_are_not_taken(thumb: str, tmp_path: Path) -> None:
    """Kodi writes the paths that it sees; the pictures beside the film are found by name."""
    write(tmp_path / "a.nfo", nfo("movie", "A", "Jürgen Prochnow", "Ann", thumb=thumb))
    own = write(tmp_path / ".actors" / unicodedata.normalize("NFD", "Jürgen_Prochnow.jpg"))
    jurgen, ann = read_folders(tmp_path).titles[0].cast
    assert jurgen.picture == str(own)
    assert not ann.picture or "://" in ann.picture
    if ann.picture:
        with pytest.raises(PictureFetchError, match=r"addresses are not read; put it into"):
            PictureCache(tmp_path / "cache", None, lambda _: True).get(ann.picture)


def test_a_path_with_backslashes_is_one(tmp_path: Path) -> None:
    write(tmp_path / "a.nfo", nfo("movie", "A", "X", thumb=r"pictures\x.jpg"))
    picture = write(tmp_path / "pictures" / "x.jpg")
    assert read_folders(tmp_path).titles[0].cast[0].picture == str(picture)


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    write(tmp_path / "a" / "a.nfo", nfo("movie", "A"))
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert len(read_folders(tmp_path).titles) == 1


def test_a_title_with_200_actors(tmp_path: Path) -> None:
    actors = [f"Actor {n}" for n in range(200)]
    write(tmp_path / "a.nfo", nfo("movie", "A", *actors))
    for n in range(200):
        write(tmp_path / ".actors" / f"Actor_{n}.jpg")
    people, _ = people_of(read_folders(tmp_path).titles, {}, {})
    assert len(people) == 200
    assert all(len(person.pictures) == 1 for person in people)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(GalleryInputError, match="no such folder"):
        read_folders(tmp_path / "none")
    with pytest.raises(GalleryInputError, match="no NFO file of a film or series"):
        read_folders(tmp_path)
