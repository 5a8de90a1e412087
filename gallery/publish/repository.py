"""The signed metadata: a TUF repository in a folder.

HOME/keys.json, HOME/keys/       private keys, never published
HOME/root.json                   the first root, to be shipped with every device
HOME/public/m/                   metadata: 1.root.json, 3.snapshot.json, timestamp.json, …
HOME/public/t/                   release manifests, by hash
HOME/public/f/                   files of releases, by hash
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

from gallery.channel.durable import write_atomically
from gallery.channel.manifest import TARGET
from gallery.publish.errors import PublishInputError
from gallery.publish.keys import ROLES, KeyRing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from securesystemslib.signer import Key

EXPIRY_DAYS = {"root": 365, "targets": 30, "snapshot": 14, "timestamp": 3}
"""A device that is shown nothing newer for this long knows that it is being held back."""
KINDS: dict[str, type[Signed]] = {
    "root": Root,
    "targets": Targets,
    "snapshot": Snapshot,
    "timestamp": Timestamp,
}


class Repository:
    """Reads and signs the metadata of one channel.

    Args:
        home: the publisher's folder.
        now: the clock; a test gives another.
    """

    def __init__(
        self,
        home: Path,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self.home, self.public = home, home / "public"
        self.keys = KeyRing(home)
        self._now = now

    # Making and rotating.

    def init(
        self,
        root_keys: int = 3,
        root_threshold: int = 2,
        targets_keys: int = 1,
        targets_threshold: int = 1,
    ) -> None:
        """Make keys, the first root, and empty targets.

        Raises:
            PublishInputError: the folder holds a repository, or the numbers make no sense.
        """
        if (self.public / "m").exists():
            raise PublishInputError(f"{self.home}: holds a repository; choose another folder")
        if not 1 <= root_threshold <= root_keys or not 1 <= targets_threshold <= targets_keys:
            raise PublishInputError(
                f"{root_threshold} of {root_keys} root keys and {targets_threshold} of "
                f"{targets_keys} targets keys: a threshold is between 1 and the number of keys"
            )
        root = Root(version=1, expires=self._expiry("root"), consistent_snapshot=True)
        counts = {"root": root_keys, "targets": targets_keys, "snapshot": 1, "timestamp": 1}
        for role in ROLES:
            for _ in range(counts[role]):
                root.add_key(self.keys.make(role), role)
        root.roles["root"].threshold = root_threshold
        root.roles["targets"].threshold = targets_threshold
        self._sign_root(root, [root])
        write_atomically(self.home / "root.json", self.read("1.root.json"))
        self._write("targets", Targets(version=1, expires=self._expiry("targets")))
        self.sign_online(targets_version=1)

    def rotate(self, role: str, keyid: str | None = None, key: Key | None = None) -> Key:
        """Replace a key of `role` (its first, or the one whose id starts with `keyid`).

        Devices believe the old key no more as soon as they see the new root. A rotation of the
        timestamp or snapshot key also undoes huge version numbers that a thief signed.
        """
        old = self.root()
        root = Metadata[Root].from_bytes(self.read(f"{old.version}.root.json")).signed
        ids = list(root.roles[role].keyids)
        gone = next((i for i in ids if i.startswith(keyid or "")), None)
        if gone is None:
            raise PublishInputError(
                f"{role}: no key {keyid}; it has {', '.join(i[:8] for i in ids)}"
            )
        fresh = key or self.keys.make(role)
        root.add_key(fresh, role)
        root.revoke_key(gone, role)
        root.version += 1
        root.expires = self._expiry("root")
        self._sign_root(root, [old, root])
        if role == "targets":
            self._write("targets", self._latest_targets())
        if role != "root":
            self.sign_online()
        return fresh

    def _sign_root(self, root: Root, signed_by: list[Root]) -> None:
        metadata = Metadata(root)
        for version in signed_by:
            # A new root needs a quorum of the old keys and of its own.
            role = version.roles["root"]
            keys = [version.keys[keyid] for keyid in role.keyids]
            for signer in self.keys.signers(keys, role.threshold, "root"):
                metadata.sign(signer, append=True)
        self._store(f"{root.version}.root.json", metadata)

    # Publishing a manifest.

    def publish(self, manifest: bytes) -> None:
        """Make `manifest` the target, and sign targets, snapshot and timestamp in this order."""
        digest = hashlib.sha256(manifest).hexdigest()
        write_atomically(self.public / "t" / f"{digest}.{TARGET}", manifest)
        targets = self._latest_targets()
        targets.targets = {TARGET: TargetFile.from_data(TARGET, manifest, ["sha256"])}
        self._write("targets", targets)
        self.sign_online()

    def complete(self) -> bool:
        """Sign what an interrupted run left out; True if there was something."""
        newest = self._newest("snapshot")
        snapshot = Metadata[Snapshot].from_bytes(self.read(f"{newest}.snapshot.json")).signed
        if snapshot.meta["targets.json"].version != self._newest("targets"):
            self.sign_online()
            return True
        timestamp = self.public / "m" / "timestamp.json"
        if (
            not timestamp.is_file()
            or Metadata[Timestamp].from_file(str(timestamp)).signed.snapshot_meta.version != newest
        ):
            self.sign_timestamp()
            return True
        return False

    def sign_online(self, targets_version: int | None = None) -> None:
        """Sign a new snapshot and timestamp."""
        version = targets_version or self._newest("targets")
        snapshot = Snapshot(
            version=self._newest("snapshot") + 1,
            expires=self._expiry("snapshot"),
            meta={"targets.json": self._meta(f"{version}.targets.json", version)},
        )
        self._write("snapshot", snapshot)
        self.sign_timestamp()

    def sign_timestamp(self) -> None:
        """Sign a new timestamp, as a daily task does; a snapshot too where it nears its end."""
        newest = self._newest("snapshot")
        meta = self._meta(f"{newest}.snapshot.json", newest)
        timestamp = Timestamp(
            version=self._timestamp_version() + 1,
            expires=self._expiry("timestamp"),
            snapshot_meta=meta,
        )
        self._write("timestamp", timestamp)

    def renew(self) -> list[str]:
        """Sign the timestamp again, and what else is past half of its life; return the roles."""
        done = ["timestamp"]
        if self._half_over("targets", self._latest_targets()):
            self._write("targets", self._latest_targets())
            done.append("targets")
        snapshot = (
            Metadata[Snapshot]
            .from_bytes(self.read(f"{self._newest('snapshot')}.snapshot.json"))
            .signed
        )
        if "targets" in done or self._half_over("snapshot", snapshot):
            self.sign_online()
            return [*done, "snapshot"]
        self.sign_timestamp()
        return done

    # Reading.

    def root(self) -> Root:
        """Return the newest root."""
        version = self._newest("root")
        if not version:
            raise PublishInputError(
                f'{self.home}: no repository there; run "tvradar gallery keys init" first'
            )
        return Metadata[Root].from_bytes(self.read(f"{version}.root.json")).signed

    def manifest(self) -> bytes | None:
        """Return the published manifest, None before the first."""
        target = self._latest_targets(bump=False).targets.get(TARGET)
        if target is None:
            return None
        return (self.public / "t" / f"{target.hashes['sha256']}.{TARGET}").read_bytes()

    def live_files(self) -> list[str]:
        """Return `folder/name` of the metadata that devices need, in the order of publishing."""
        newest = {role: self._newest(role) for role in ("root", "targets", "snapshot")}
        roots = [f"m/{n}.root.json" for n in range(1, newest["root"] + 1)]
        target = self._latest_targets(bump=False).targets.get(TARGET)
        manifest = [f"t/{target.hashes['sha256']}.{TARGET}"] if target else []
        return [
            *manifest,
            *roots,
            f"m/{newest['targets']}.targets.json",
            f"m/{newest['snapshot']}.snapshot.json",
            "m/timestamp.json",
        ]

    def read(self, name: str) -> bytes:
        """Return a metadata file."""
        return (self.public / "m" / name).read_bytes()

    def _latest_targets(self, *, bump: bool = True) -> Targets:
        version = self._newest("targets")
        if not version:
            self.root()  # says what is missing
        targets = Metadata[Targets].from_bytes(self.read(f"{version}.targets.json")).signed
        if bump:
            targets.version = version + 1
            targets.expires = self._expiry("targets")
        return targets

    def _newest(self, role: str) -> int:
        names = (self.public / "m").glob(f"*.{role}.json")
        return max((int(path.name.split(".")[0]) for path in names), default=0)

    def _timestamp_version(self) -> int:
        path = self.public / "m" / "timestamp.json"
        if not path.is_file():
            return 0
        return Metadata[Timestamp].from_bytes(path.read_bytes()).signed.version

    def _meta(self, name: str, version: int) -> MetaFile:
        data = self.read(name)
        return MetaFile(version, len(data), {"sha256": hashlib.sha256(data).hexdigest()})

    def _half_over(self, role: str, signed: Signed) -> bool:
        expires = signed.expires
        if role == "targets":
            version = self._newest("targets")
            expires = (
                Metadata[Targets].from_bytes(self.read(f"{version}.targets.json")).signed.expires
            )
        return expires - self._now() < timedelta(days=EXPIRY_DAYS[role]) / 2

    def _expiry(self, role: str) -> datetime:
        return self._now().replace(microsecond=0) + timedelta(days=EXPIRY_DAYS[role])

    def _write(self, role: str, signed: Targets | Snapshot | Timestamp) -> None:
        root = self.root()
        entry = root.roles[role]
        keys = [root.keys[keyid] for keyid in entry.keyids]
        metadata: Metadata[Any] = Metadata(signed)
        for signer in self.keys.signers(keys, entry.threshold, role):
            metadata.sign(signer, append=True)
        name = "timestamp.json" if role == "timestamp" else f"{signed.version}.{role}.json"
        self._store(name, metadata)

    def _store(self, name: str, metadata: Metadata[Any]) -> None:
        write_atomically(self.public / "m" / name, metadata.to_bytes(JSONSerializer(compact=True)))
