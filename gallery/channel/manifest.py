"""The release manifest: the one TUF target, which names all files of a release.

A file is cut into chunks of `chunk_size` bytes. Where it has more than one chunk, `hash_list`
is the sha256 of the list of their hashes (32 bytes each, in order), which is itself fetched as a
small file. So a manifest stays a few hundred bytes a file however large the gallery is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from gallery.channel.errors import Refused
from gallery.foreign_json import decode_json
from gallery.texts import brief

if TYPE_CHECKING:
    from collections.abc import Iterator

TARGET = "release.json"
"""Name of the TUF target."""
MAX_MANIFEST = 256 * 1024
MAX_RELEASE = 2**53 - 1
"""The largest whole number that every reader of JSON keeps exactly; the store has it too."""
MAX_FILES = 2 * 256 + 1
"""Two for each segment of the largest release, and `release.json`."""
MAX_CHUNK = 1024 * 1024
MAX_CHUNKS = MAX_CHUNK // 32
"""So that a list of hashes fits into one chunk."""

Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a release; `retained` says that its chunks are kept on the broker."""

    path: str
    size: Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]
    sha256: Sha256
    chunk_size: Annotated[int, msgspec.Meta(ge=1024, le=MAX_CHUNK)]
    hash_list: Sha256 | None = None
    retained: bool = False

    @property
    def chunk_count(self) -> int:
        """Number of chunks."""
        return -(-self.size // self.chunk_size)

    def list_file(self) -> File | None:
        """Return the list of chunk hashes as a file of its own, None for a single chunk."""
        if self.hash_list is None:
            return None
        size = 32 * self.chunk_count
        return File(f"{self.sha256}.list", size, self.hash_list, MAX_CHUNK, None, self.retained)


class Chunk(msgspec.Struct, frozen=True):
    """Bytes `offset` to `offset + length` of the file whose hash is `file`."""

    file: str
    offset: int
    length: int
    sha256: str
    retained: bool


def chunks_of(file: File, hash_list: bytes | None) -> Iterator[Chunk]:
    """Cut `file`; `hash_list` is the verified list, None for a single chunk."""
    for index in range(file.chunk_count):
        offset = index * file.chunk_size
        digest = file.sha256 if hash_list is None else hash_list[32 * index : 32 * index + 32].hex()
        length = min(file.chunk_size, file.size - offset)
        yield Chunk(file.sha256, offset, length, digest, file.retained)


class Rollout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may install now: devices whose bucket is below `share`, of 10,000.

    They spread over `window_s` seconds by a hash of their id, so that no herd arrives.
    """

    salt: Annotated[str, msgspec.Meta(max_length=200)] = ""
    share: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 10_000
    window_s: Annotated[int, msgspec.Meta(ge=0, le=7 * 86_400)] = 0
    paused: bool = False


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where chunks may be had, in the publisher's order of preference."""

    kind: Literal["retained", "servers", "https", "file"]
    url: Annotated[str, msgspec.Meta(max_length=2048)] = ""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a release consists of and who may install it when.

    Attributes:
        release: number; a device never goes below the highest that it confirmed.
        content: number of the release that the content was first published as.
        model: identity of the embedder that made the templates.
        dim: length of a template.
        removal: somebody opted out; the stages of a rollout do not hold it back.
        probation_s: how long a device watches itself before it confirms.
    """

    format: Literal[1]
    release: Annotated[int, msgspec.Meta(ge=1, le=MAX_RELEASE)]
    content: Annotated[int, msgspec.Meta(ge=1, le=MAX_RELEASE)]
    model: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    dim: Annotated[int, msgspec.Meta(ge=1, le=4096)]
    created: Annotated[str, msgspec.Meta(max_length=40)]
    files: Annotated[tuple[File, ...], msgspec.Meta(max_length=MAX_FILES)]
    sources: Annotated[tuple[Source, ...], msgspec.Meta(max_length=16)] = ()
    rollout: Rollout = Rollout()
    removal: bool = False
    probation_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = 120

    def __post_init__(self) -> None:
        """Check what the types cannot."""
        names = [file.path for file in self.files]
        if len(set(names)) != len(names):
            raise ValueError("a file is named twice")
        for file in self.files:
            if not _PATH.fullmatch(file.path):
                raise ValueError(f"{file.path!r}: a plain file name is expected")
            if file.chunk_count > MAX_CHUNKS:
                raise ValueError(f"{file.path}: {file.chunk_count} chunks, {MAX_CHUNKS} at most")
            if (file.hash_list is None) != (file.chunk_count <= 1):
                raise ValueError(f"{file.path}: a list of hashes is for more than one chunk")

    @property
    def total_bytes(self) -> int:
        """Size of all files together."""
        return sum(file.size for file in self.files)


def encode(manifest: Manifest) -> bytes:
    """Return the bytes to sign."""
    return msgspec.json.encode(manifest)


def decode(data: bytes) -> Manifest:
    """Read a manifest whose hash is already verified.

    Raises:
        Refused: it is signed, and still no manifest that this version understands.
    """
    try:
        return decode_json(data, Manifest)
    except (msgspec.DecodeError, ValueError) as error:
        raise Refused("malformed manifest", brief(error)) from error
