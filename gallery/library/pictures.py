"""Pictures of people, fetched once into a folder: a run that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from engines.files import write_atomically
from engines.pictures.formats import HEAD_BYTES, format_of
from gallery.errors import GalleryWriteError
from gallery.library.http import PictureFetchError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gallery.library.http import Http

_IMAGE = re.compile(r"^https?://")


class PictureCache:
    """Pictures by address; only its owner may read it.

    Args:
        folder: made when it is not there.
        http: fetches; None reads only what is there.
        is_allowed: whether an address may be asked, beside those of the library's own server.
    """

    def __init__(
        self, folder: Path, http: Http | None, is_allowed: Callable[[str], bool] = lambda _: False
    ) -> None:
        self._folder, self._http, self._is_allowed = folder, http, is_allowed
        self.fetched = self.kept = 0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise GalleryWriteError(f"{folder}: cannot be made ({error.strerror})") from error

    def get(self, url: str) -> Path:
        """Return a picture's file, fetched where it is not there yet.

        Raises:
            PictureFetchError: it cannot be had.
            LibraryError: the server cannot be reached.
            GalleryWriteError: the disk is full or read-only.
        """
        path = self._folder / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.picture"
        if path.is_file():
            self.kept += 1
            return path
        if not _IMAGE.match(url):
            scheme = url.partition("://")[0][:16]
            raise PictureFetchError(f"{scheme!a} addresses are not read; put it into .actors")
        if self._http is None or not (self._http.is_own(url) or self._is_allowed(url)):
            raise PictureFetchError("in the internet only; --online fetches it")
        content = self._http.picture(url)
        if format_of(content[:HEAD_BYTES]) is None:
            raise PictureFetchError("no picture in a format that is read")
        try:
            write_atomically(path, content, 0o600)
        except OSError as error:
            raise GalleryWriteError(
                f"{path}: {error.strerror}; make room, then run it again"
            ) from error
        self.fetched += 1
        return path
