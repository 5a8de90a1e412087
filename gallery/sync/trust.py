"""Verify the metadata with python-tuf, keep our own floors, and name what is refused.

python-tuf does all cryptography. Added here, because its client leaves it to the application:
fsync of its files, a floor of versions that survives the loss of those files, a floor of the
clock, and a name for each refusal that an operator understands.
"""

from __future__ import annotations

import hashlib
import time
from datetime import datetime, timezone
from pathlib import Path

import msgspec
from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    RepositoryError,
)
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp
from tuf.ngclient import Updater, UpdaterConfig

from gallery.channel.durable import fsync_tree
from gallery.channel.errors import Refused, SourceError, SyncSetupError
from gallery.channel.manifest import MAX_MANIFEST, TARGET, Manifest, decode
from gallery.channel.metadata import MetadataSource, SlowError, TufFetcher
from gallery.sync.naming import name_refusal
from gallery.sync.state import Floor, StateFile

CLOCK_SLACK_S = 300.0
CONFIG = UpdaterConfig(
    max_root_rotations=32,
    root_max_length=64 * 1024,
    timestamp_max_length=8 * 1024,
    snapshot_max_length=64 * 1024,
    targets_max_length=256 * 1024,
)


class Trust:
    """The verified view of one gallery channel.

    Args:
        folder: python-tuf's files; private to this process.
        root: the first root metadata, which ships with the device.
        states: floors.
        built_s: when this software was built; no clock before it is believed.
    """

    def __init__(self, folder: Path, root: bytes, states: StateFile, built_s: float) -> None:
        self._folder = folder
        self._root = root
        self._states = states
        self._built_s = built_s
        self.clock_suspect = False
        folder.mkdir(parents=True, exist_ok=True)

    def check(self, source: MetadataSource, installed: int = 0) -> Manifest:
        """Fetch and verify the newest metadata, and return the manifest that it names.

        `installed` is the number of the release in use: the floor, should our own be lost.

        Raises:
            Refused: something must not be believed.
            SourceError: the source did not deliver.
        """
        fetcher = TufFetcher(source)
        try:
            updater = Updater(
                str(self._folder),
                "tvradar:m/",
                target_base_url="tvradar:t/",
                fetcher=fetcher,
                config=CONFIG,
                bootstrap=self._root,
            )
        except RepositoryError as error:
            raise SyncSetupError(
                f"root metadata of the device: {error}; install the root.json that "
                '"gallery publish init" wrote'
            ) from error
        try:
            return self._refresh(updater, fetcher, installed)
        except DownloadHTTPError as error:
            raise SourceError(f"{fetcher.last_name}: {error}") from error
        except (RepositoryError, DownloadError) as error:
            cause = error.__cause__
            if isinstance(cause, Refused | SourceError) and not isinstance(cause, SlowError):
                raise cause from error
            refused = name_refusal(error, fetcher, self._folder)
            raise refused from error
        finally:
            fsync_tree(self._folder)

    def _refresh(self, updater: Updater, fetcher: TufFetcher, installed: int) -> Manifest:
        updater.refresh()
        view = _View(self._folder)
        self._check_clock(view)
        self._check_floors(view)
        target = updater.get_targetinfo(TARGET)
        if target is None:
            raise Refused("mix-and-match", f"targets {view.versions['targets']} name no release")
        if target.length > MAX_MANIFEST:
            raise Refused("endless data", f"manifest of {target.length} B > {MAX_MANIFEST} B")
        path = self._folder / TARGET
        cached = updater.find_cached_target(target, str(path))
        data = Path(cached or updater.download_target(target, str(path))).read_bytes()
        fetcher.last_name = ""
        manifest = decode(data)
        self._accept(view, manifest, installed)
        return manifest

    def now_s(self) -> float:
        """Return the system's time, or the floor where the system's time is before it."""
        floor_s = max(self._built_s, self._states.state.time_floor_s)
        system_s = time.time()
        self.clock_suspect = system_s < floor_s - CLOCK_SLACK_S
        return max(system_s, floor_s)

    def _check_clock(self, view: _View) -> None:
        now = datetime.fromtimestamp(self.now_s(), timezone.utc)
        for role, expires in view.expires.items():
            if now >= expires:
                why = " (the system clock was set back)" if self.clock_suspect else ""
                raise Refused("freeze", f"{role} expired {expires:%Y-%m-%d %H:%M} UTC{why}")

    def _check_floors(self, view: _View) -> None:
        for role, version in view.versions.items():
            floor = self._states.state.floors.get(role)
            if floor and floor.keys == view.keys[role] and version < floor.version:
                raise Refused("rollback", f"{role} {version} < {floor.version}")

    def _accept(self, view: _View, manifest: Manifest, installed: int) -> None:
        keys = view.keys["targets"]
        floor = self._states.state.floors.get("release") or Floor(installed, keys)
        if floor.keys == keys and manifest.release < floor.version:
            raise Refused("rollback", f"release {manifest.release} < {floor.version}")
        floors = dict(self._states.state.floors)
        for role, version in view.versions.items():
            floors[role] = Floor(version, view.keys[role])
        # The floor of the release rises when a release is confirmed; new keys start it again.
        floors["release"] = floor if floor.keys == keys else Floor(manifest.release, keys)
        self._states.change(floors=floors, time_floor_s=self.now_s())

    def confirm(self, release: int) -> None:
        """Raise the floor of the release: nothing below it is installed any more."""
        floors = dict(self._states.state.floors)
        keys = floors["targets"].keys if "targets" in floors else ""
        floors["release"] = Floor(release, keys)
        self._states.change(floors=floors, probation=None)


class _View:
    """Versions, expiry and keys of what python-tuf verified and stored."""

    def __init__(self, folder: Path) -> None:
        root = Metadata[Root].from_file(str(folder / "root.json")).signed
        signed = {
            "root": root,
            "timestamp": Metadata[Timestamp].from_file(str(folder / "timestamp.json")).signed,
            "snapshot": Metadata[Snapshot].from_file(str(folder / "snapshot.json")).signed,
            "targets": Metadata[Targets].from_file(str(folder / "targets.json")).signed,
        }
        self.versions = {role: part.version for role, part in signed.items()}
        self.expires = {role: part.expires for role, part in signed.items()}
        self.keys = {role: _fingerprint(sorted(root.roles[role].keyids)) for role in signed}
        # A root's floor must outlive its own keys: the chain of roots is what rotates them.
        self.keys["root"] = "chain"


def _fingerprint(keyids: list[str]) -> str:
    return hashlib.sha256(msgspec.json.encode(keyids)).hexdigest()[:16]
