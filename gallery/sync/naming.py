"""Give python-tuf's exceptions the name of the attack, for the log and the status."""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING, Any

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    SlowRetrievalError,
    UnsignedMetadataError,
)

from gallery.channel.errors import Refused
from gallery.channel.manifest import TARGET

if TYPE_CHECKING:
    from pathlib import Path

    from gallery.channel.metadata import TufFetcher


def name_refusal(error: Exception, fetcher: TufFetcher, folder: Path) -> Refused:
    """Return what to log for `error`; reads the refused bytes only to describe them."""
    name = fetcher.last_name
    role = re.sub(r"^\d+\.", "", name).removesuffix(".json")
    if name.endswith("." + TARGET):
        role = "manifest"
    if isinstance(error, SlowRetrievalError):
        return Refused("slow retrieval", f"{name}: {error}")
    if isinstance(error, DownloadLengthMismatchError):
        return Refused("endless data", f"{name}: {error}")
    if not fetcher.last_data:
        return Refused("empty message", f"{name} has no content")
    if isinstance(error, ExpiredMetadataError):
        return Refused("freeze", _expired(error, fetcher, folder))
    if isinstance(error, UnsignedMetadataError):
        return _unsigned(role, _parsed(fetcher.last_data), folder)
    if isinstance(error, BadVersionNumberError):
        return _version(error, role, _parsed(fetcher.last_data), folder)
    if isinstance(error, LengthOrHashMismatchError):
        return Refused(
            "changed manifest" if role == "manifest" else "mix-and-match", f"{name}: {error}"
        )
    if "missing info" in str(error) or "does not contain" in str(error):
        return Refused("mix-and-match", str(error))
    return Refused("malformed metadata", f"{name}: {error}")


def _parsed(data: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError, RecursionError):
        value = json.loads(data)
        if isinstance(value, dict) and isinstance(value.get("signed"), dict):
            return value
    return {"signed": {}, "signatures": []}


def _local(folder: Path, role: str) -> dict[str, Any]:
    try:
        return _parsed((folder / f"{role}.json").read_bytes())
    except OSError:
        return _parsed(b"")


def _expired(error: Exception, fetcher: TufFetcher, folder: Path) -> str:
    role = str(error).replace("New ", "").replace("Final ", "").split(".")[0].split()[0]
    fetched = _parsed(fetcher.last_data)["signed"]
    signed = fetched if fetched.get("_type") == role else _local(folder, role)["signed"]
    return f"{role} expired {signed.get('expires', 'at an unknown time')}"


def _key_ids(root: dict[str, Any], role: str) -> tuple[set[str], int]:
    entry = root["signed"].get("roles", {}).get(role, {})
    return set(entry.get("keyids", [])), int(entry.get("threshold", 1))


def _unsigned(role: str, found: dict[str, Any], folder: Path) -> Refused:
    """Tell a stranger's key, a revoked key and too few keys apart."""
    signers = {str(entry.get("keyid")) for entry in found["signatures"] if isinstance(entry, dict)}
    trusted, threshold = _key_ids(_local(folder, "root"), role)
    if signers & trusted and len(signers & trusted) < threshold:
        detail = f"{role} has {len(signers & trusted)} of {threshold} signatures"
        return Refused("too few keys", detail)
    for path in sorted((folder / "root_history").glob("*.root.json")):
        earlier, _ = _key_ids(_parsed(path.read_bytes()), role)
        if signers & (earlier - trusted):
            return Refused("revoked key", f"{role} is signed by a key that the root withdrew")
    if signers & trusted:
        return Refused("forged signature", f"{role} does not match its signature")
    return Refused("wrong key", f"{role} is signed by no key that the root names")


def _version(error: Exception, role: str, found: dict[str, Any], folder: Path) -> Refused:
    version = found["signed"].get("version")
    local = _local(folder, role)["signed"].get("version")
    if role == "root":
        attack = (
            "rollback" if isinstance(version, int) and version <= (local or 0) else "mix-and-match"
        )
        return Refused(attack, f"root {version}, expected {(local or 0) + 1}")
    if isinstance(version, int) and isinstance(local, int) and version < local:
        return Refused("rollback", f"{role} {version} < {local}")
    held = {"timestamp": "snapshot", "snapshot": "targets"}.get(role)
    if held:
        meta = found["signed"].get("meta", {})
        named = meta.get(f"{held}.json", {}).get("version")
        known = (
            _local(folder, role)["signed"].get("meta", {}).get(f"{held}.json", {}).get("version")
        )
        if isinstance(named, int) and isinstance(known, int) and named < known:
            return Refused("rollback", f"{held} {named} < {known} in {role} {version}")
    return Refused("mix-and-match", f"{role}: {error}")
