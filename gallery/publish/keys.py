"""Keys: made once, named by URI, so that a file, a card or a cloud's key service may hold them.

`keys.json` says where each private key is: `file2:<path>` for a PEM file, or any URI that
securesystemslib knows (`hsm:`, `awskms:`, `gcpkms:`, `azurekms:`). Only public keys are in the
repository.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from securesystemslib.exceptions import UnsupportedLibraryError
from securesystemslib.signer import CryptoSigner, Key, Signer

from gallery.channel.durable import write_atomically
from gallery.publish.errors import KeyMissingError

if TYPE_CHECKING:
    from collections.abc import Iterable

ROLES = ("root", "targets", "snapshot", "timestamp")


class KeyRing:
    """The private keys that this publisher can reach."""

    def __init__(self, home: Path) -> None:
        self._file = home / "keys.json"
        self._folder = home / "keys"
        self._uris: dict[str, str] = {}
        if self._file.is_file():
            self._uris = msgspec.json.decode(self._file.read_bytes(), type=dict[str, str])

    def make(self, role: str) -> Key:
        """Make an Ed25519 key in a PEM file that only its owner may read."""
        signer = CryptoSigner.generate_ed25519()
        key = signer.public_key
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{role}-{key.keyid[:8]}.pem"
        write_atomically(path, signer.private_bytes, mode=0o600)
        # Relative, so that the folder of keys can move to a stick.
        self._remember(key.keyid, f"file2:keys/{path.name}")
        return key

    def adopt(self, uri: str, key: Key) -> None:
        """Note where the private key of `key` is held."""
        self._remember(key.keyid, uri)

    def _remember(self, keyid: str, uri: str) -> None:
        self._uris[keyid] = uri
        data = msgspec.json.format(msgspec.json.encode(self._uris))
        write_atomically(self._file, data, mode=0o600)

    def signers(self, keys: Iterable[Key], threshold: int, role: str) -> list[Signer]:
        """Return signers for as many of `keys` as can be reached.

        Raises:
            KeyMissingError: fewer than `threshold`.
        """
        found, missing = [], []
        for key in keys:
            signer = self._signer(key)
            if signer:
                found.append(signer)
            else:
                missing.append(key.keyid[:8])
        if len(found) < threshold:
            raise KeyMissingError(
                f"{role}: {len(found)} private keys found, {threshold} needed; not at hand: "
                f"{', '.join(missing)}; mount the offline keys at {self._folder}, or correct "
                f"{self._file}"
            )
        return found

    def _signer(self, key: Key) -> Signer | None:
        uri = self._uris.get(key.keyid)
        if uri is None:
            return None
        if uri.startswith("file2:") and not Path(uri.removeprefix("file2:")).is_absolute():
            uri = f"file2:{self._file.parent / uri.removeprefix('file2:')}"
        try:
            return Signer.from_priv_key_uri(uri, key)
        except (OSError, ValueError, UnsupportedLibraryError):
            return None
