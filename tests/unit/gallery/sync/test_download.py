"""FETCH at its seam: sources are values that give what a test tells them to."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from gallery.channel.errors import Refused, SourceError, SyncError
from gallery.channel.manifest import File
from gallery.sync.download import FAILURES, Download, Stopped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from gallery.channel.manifest import Chunk

SIZE, CHUNK = 10_000, 4096
CONTENT = bytes(i * 7 % 251 for i in range(SIZE))
PIECES = [CONTENT[i : i + CHUNK] for i in range(0, SIZE, CHUNK)]
LIST = b"".join(hashlib.sha256(piece).digest() for piece in PIECES)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


FILE = File("templates.bin", SIZE, sha256(CONTENT), CHUNK, sha256(LIST), retained=False)
BY_HASH = {FILE.sha256: CONTENT, FILE.hash_list: LIST}


class Source:
    """Gives chunks; `lie` changes them, `least` is how many calls give nothing before."""

    def __init__(self, name: str = "fake", *, lie: bool = False, most: int = 99) -> None:
        self.name, self._lie, self._most = name, lie, most
        self.asked: list[int] = []

    def fetch(self, wanted: Sequence[Chunk]) -> Iterator[tuple[Chunk, bytes]]:
        self.asked.append(len(wanted))
        for chunk in wanted[: self._most]:
            data = BY_HASH[chunk.file][chunk.offset : chunk.offset + chunk.length]
            yield chunk, data[:-1] + b"x" if self._lie else data
        if len(wanted) > self._most:
            raise SourceError(f"{self.name}: went away")


def test_a_file_is_there_under_its_hash(tmp_path: Path) -> None:
    stored: list[int] = []
    found = Download(tmp_path, [Source()], count=stored.append).fetch([FILE])
    assert found[FILE.sha256].read_bytes() == CONTENT
    assert found[FILE.sha256].name == FILE.sha256
    assert sum(stored) == SIZE + len(LIST)
    assert not list(tmp_path.glob("*.part"))


def test_what_is_there_is_not_asked_for_again(tmp_path: Path) -> None:
    Download(tmp_path, [Source()]).fetch([FILE])
    second = Source()
    Download(tmp_path, [second]).fetch([FILE])
    assert second.asked == []


def test_an_interrupted_fetch_goes_on_by_hashing(tmp_path: Path) -> None:
    calls = [0]

    def stopped() -> bool:
        calls[0] += 1
        return calls[0] > 3  # after the list of hashes and two chunks

    with pytest.raises(Stopped):
        Download(tmp_path, [Source()], stopped).fetch([FILE])
    assert len(list(tmp_path.glob("*.part"))) == 1
    rest = Source()
    found = Download(tmp_path, [rest]).fetch([FILE])
    assert rest.asked == [1]
    assert found[FILE.sha256].read_bytes() == CONTENT


def test_a_part_that_rotted_is_fetched_again(tmp_path: Path) -> None:
    Download(tmp_path, [Source()]).fetch([FILE])
    done = tmp_path / FILE.sha256
    done.rename(tmp_path / f"{FILE.sha256}.part")
    damaged = bytearray(CONTENT)
    damaged[5000] ^= 1
    (tmp_path / f"{FILE.sha256}.part").write_bytes(damaged)
    again = Source()
    Download(tmp_path, [again]).fetch([FILE])
    assert again.asked == [1]
    assert done.read_bytes() == CONTENT


def test_the_next_source_gives_what_the_first_does_not(tmp_path: Path) -> None:
    first, second = Source("first", most=0), Source("second")
    Download(tmp_path, [first, second]).fetch([FILE])
    assert len(first.asked) == 2 * FAILURES  # for the list of hashes, and for the file
    assert second.asked == [1, 3]


def test_a_source_that_gives_a_little_each_time_is_kept(tmp_path: Path) -> None:
    slow, other = Source("slow", most=1), Source("other")
    Download(tmp_path, [slow, other]).fetch([FILE])
    assert slow.asked == [1, 3, 2, 1]
    assert other.asked == []


def test_changed_chunks_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"changed chunk refused: liar gave .* expected") as caught:
        Download(tmp_path, [Source("liar", lie=True)]).fetch([FILE])
    assert caught.value.attack == "changed chunk"
    assert not (tmp_path / FILE.sha256).exists()


def test_chunks_of_another_file_are_a_mix(tmp_path: Path) -> None:
    """Each chunk has the hash that its list names, and the list is not that of the file."""
    mixed = File("templates.bin", SIZE, sha256(b"another"), CHUNK, FILE.hash_list, retained=False)
    BY_HASH[mixed.sha256] = CONTENT
    with pytest.raises(Refused, match="mix-and-match"):
        Download(tmp_path, [Source()]).fetch([mixed])
    assert not list(tmp_path.glob(f"{mixed.sha256}*"))


def test_nobody_delivers(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"missing chunk: 1 of 1 not delivered; .*went away"):
        Download(tmp_path, [Source(most=0)]).fetch([FILE])
    with pytest.raises(SourceError, match="no source is configured"):
        Download(tmp_path, []).fetch([FILE])


def test_a_disk_that_is_too_small_is_told_before(tmp_path: Path) -> None:
    source = Source()
    huge = File("x", 1 << 50, "ab" * 32, 1 << 40, "cd" * 32, retained=False)
    with pytest.raises(SyncError, match=r"MiB free, the release needs .*; free some space"):
        Download(tmp_path, [source]).fetch([huge])
    assert source.asked == []
