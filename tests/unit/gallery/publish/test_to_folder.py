"""Publishing at its seam, a `Place`: what goes out, in which order, and again after a failure."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from gallery.publish.errors import PublishError, PublishInputError
from gallery.publish.to_folder import Folder, publish_files
from tests.unit.gallery.sync.channel import Channel

if TYPE_CHECKING:
    from pathlib import Path


class Shelf:
    """A `Place` in memory that notes the order; after `room` files it is full."""

    def __init__(self, room: int = 99) -> None:
        self.files: dict[str, bytes] = {}
        self.order: list[str] = []
        self.room = room

    def size(self, name: str) -> int | None:
        return len(self.files[name]) if name in self.files else None

    def put(self, source: Path, name: str) -> None:
        if len(self.order) >= self.room:
            raise PublishError(f"{name}: no room; publish again to complete")
        self.order.append(name)
        self.files[name] = source.read_bytes()


@pytest.fixture
def channel(tmp_path: Path, population) -> Channel:
    made = Channel(tmp_path)
    made.publish(population.entries(range(3)))
    return made


def test_nothing_is_named_before_it_is_there(channel: Channel) -> None:
    shelf = Shelf()
    sent = publish_files(channel.repository, shelf)
    kinds = [name.split("/")[0] for name in shelf.order]
    assert shelf.order[-1] == "m/timestamp.json"
    assert kinds.index("t") > max(i for i, kind in enumerate(kinds) if kind == "f")
    assert sent == sum(map(len, shelf.files.values()))
    last = [name for name in shelf.order if "snapshot" in name or "targets" in name]
    assert [name.split(".")[1] for name in last] == ["targets", "snapshot"]


def test_a_second_time_only_the_timestamp_goes_out(channel: Channel) -> None:
    shelf = Shelf()
    publish_files(channel.repository, shelf)
    shelf.order.clear()
    publish_files(channel.repository, shelf)
    assert shelf.order == ["m/timestamp.json"]


def test_the_same_command_completes_what_broke_off(channel: Channel) -> None:
    shelf = Shelf(room=3)
    with pytest.raises(PublishError, match="publish again to complete"):
        publish_files(channel.repository, shelf)
    assert "m/timestamp.json" not in shelf.files
    shelf.room, first = 99, list(shelf.order)
    publish_files(channel.repository, shelf)
    assert shelf.order[:3] == first
    assert len(set(shelf.order)) == len(shelf.order)
    whole = Shelf()
    publish_files(channel.repository, whole)
    assert shelf.files == whole.files


def test_only_new_files_of_the_next_release_go_out(channel: Channel, population) -> None:
    shelf = Shelf()
    publish_files(channel.repository, shelf)
    shelf.order.clear()
    channel.publish(population.entries([7]))
    sent = publish_files(channel.repository, shelf)
    assert sent < sum(map(len, shelf.files.values())) * 0.7


def test_a_lower_number_is_refused_before_anything_is_signed(channel: Channel, population) -> None:
    channel.publish(population.entries([7]))
    with pytest.raises(PublishInputError, match="devices take only higher numbers"):
        channel.publish(population.entries([8]), number=1)


def test_a_folder_has_the_file_whole_or_not_at_all(tmp_path: Path) -> None:
    place = Folder(tmp_path / "stick")
    (tmp_path / "a").write_bytes(b"content")
    place.put(tmp_path / "a", "f/ab")
    assert place.size("f/ab") == 7
    assert place.size("f/cd") is None
    assert [p.name for p in (tmp_path / "stick" / "f").iterdir()] == ["ab"]
    shutil.rmtree(tmp_path / "stick" / "f")
    (tmp_path / "stick" / "f").write_bytes(b"no folder")
    with pytest.raises((PublishError, OSError)):
        place.put(tmp_path / "a", "f/ab")
