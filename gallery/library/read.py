"""Which library is read how."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gallery.errors import GalleryInputError
from gallery.library.folders import read_folders
from gallery.library.found import ONLINE
from gallery.library.http import Http, read_key
from gallery.library.jellyfin import jellyfin_client, read_jellyfin
from gallery.library.kodi import kodi_client, read_kodi
from gallery.library.plex import plex_client, read_plex
from gallery.library.tmdb import Tmdb
from gallery.library.wanted import read_wanted
from gallery.library.wikidata import Wikidata

if TYPE_CHECKING:
    from collections.abc import Callable

    from gallery.library.found import Found, Library


def read_library(library: Library) -> tuple[Found, Http | None]:
    """Return a library's titles, and the client that fetches its pictures, None without need.

    Raises:
        GalleryInputError: the folder, the address or the key is not right.
        LibraryError: the server cannot be reached, or answers what it should not.
    """
    if library.kind in ONLINE:
        return _online(library)
    is_server = library.where.startswith(("http://", "https://"))
    if not is_server:
        if library.kind == "plex":
            raise GalleryInputError(f"{library.where}: expected http://HOST:32400, Plex's server")
        pictures = Path(library.pictures) if library.pictures else None
        found = read_folders(Path(library.where), pictures)
        return found, Http("http://localhost", pause_s=library.pause_s) if library.online else None
    clients: dict[str, tuple[Callable[[str, str, float], Http], Callable[[Http], Found]]] = {
        "kodi": (kodi_client, read_kodi),
        "jellyfin": (jellyfin_client, read_jellyfin),
        "emby": (jellyfin_client, read_jellyfin),
        "plex": (plex_client, read_plex),
    }
    if library.kind not in clients:
        raise GalleryInputError(f"{library.where}: {library.kind} has no server, expected a folder")
    client, read = clients[library.kind]
    key = read_key(Path(library.key_file) if library.key_file else None)
    http = client(library.where, key, library.pause_s)
    return read(http), http


def _online(library: Library) -> tuple[Found, Http]:
    wanted = read_wanted(Path(library.where))
    service: Tmdb | Wikidata
    if library.kind == "tmdb":
        key = read_key(Path(library.key_file) if library.key_file else None)
        service = Tmdb(key, library.server, library.pause_s)
    else:
        service = Wikidata(library.server, library.pause_s)
    return service.read(wanted), service.http
