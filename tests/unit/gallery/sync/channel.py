"""A publisher's folder and a device's view of it: no network, no broker."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from gallery.channel.metadata import FileMetadata
from gallery.channel.sources import FileChunks
from gallery.publish.content import Options, prepare, resign
from gallery.publish.repository import Repository
from gallery.publish.to_folder import Folder, publish_files
from gallery.store import store, update

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gallery.channel.manifest import Manifest
    from gallery.channel.sources import ChunkSource
    from gallery.store.update import Entries


class Channel:
    """Signs releases of one gallery into `stick`, by a clock that a test sets."""

    def __init__(self, folder: Path) -> None:
        self.now = datetime.now(timezone.utc)
        self.repository = Repository(folder / "home", lambda: self.now)
        self.repository.init()
        self.gallery, self.stick = folder / "cloud", folder / "stick"

    @property
    def root(self) -> bytes:
        return (self.repository.home / "root.json").read_bytes()

    @property
    def metadata(self) -> FileMetadata:
        return FileMetadata(self.stick)

    def sources(self, _manifest: Manifest) -> Sequence[ChunkSource]:
        return [FileChunks(self.stick)]

    def publish(self, entries: Entries, **options: Any) -> Manifest:
        """Add people to the gallery, sign it, and put it on the stick."""
        if self.gallery.exists():
            update.add(self.gallery, entries)
        else:
            everybody = (entries.people, entries.templates, entries.owners, entries.model)
            store.create_gallery(self.gallery, *everybody)
        options.setdefault("probation_s", 60)
        manifest = prepare(self.repository, self.gallery, Options(**options))
        resign(self.repository, manifest)
        self.send()
        return manifest

    def send(self) -> int:
        return publish_files(self.repository, Folder(self.stick))
