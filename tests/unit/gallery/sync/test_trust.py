"""Metadata verified from a folder: what is believed, what is refused, and what a restart keeps."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from gallery.channel.errors import Refused, SyncSetupError
from gallery.publish.content import resign
from gallery.sync.state import StateFile
from gallery.sync.trust import Trust
from tests.unit.gallery.sync.channel import Channel

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def channel(tmp_path: Path, population) -> Channel:
    made = Channel(tmp_path)
    made.publish(population.entries(range(3)))
    return made


def trust(folder: Path, channel: Channel, built_s: float = 0.0) -> Trust:
    """The device's view, as after a restart: all it knows comes from the disk."""
    return Trust(folder / "tuf", channel.root, StateFile(folder / "state.json"), built_s)


def test_the_manifest_is_what_was_signed(channel: Channel, tmp_path: Path, population) -> None:
    assert trust(tmp_path, channel).check(channel.metadata).release == 1
    signed = channel.publish(population.entries([7]))
    assert trust(tmp_path, channel).check(channel.metadata) == signed


def test_an_old_timestamp_is_a_rollback_also_when_pythons_tuf_files_are_lost(
    channel: Channel, tmp_path: Path, population
) -> None:
    old = tmp_path / "old"
    shutil.copytree(channel.stick, old)
    channel.publish(population.entries([7]))
    trust(tmp_path, channel).check(channel.metadata)
    channel.stick = old
    with pytest.raises(Refused, match="rollback refused: timestamp 2 < 3"):
        trust(tmp_path, channel).check(channel.metadata)
    shutil.rmtree(tmp_path / "tuf")
    with pytest.raises(Refused, match="rollback refused"):
        trust(tmp_path, channel).check(channel.metadata)


def test_a_release_below_a_confirmed_one_is_a_rollback(
    channel: Channel, tmp_path: Path, population
) -> None:
    first = trust(tmp_path, channel).check(channel.metadata)
    channel.publish(population.entries([7]))
    second = trust(tmp_path, channel)
    second.confirm(second.check(channel.metadata).release)
    resign(channel.repository, first)  # the publisher's own keys sign the older content again
    channel.send()
    with pytest.raises(Refused, match="rollback refused: release 1 < 2"):
        trust(tmp_path, channel).check(channel.metadata)


def test_without_floors_the_release_in_use_is_the_floor(channel: Channel, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="rollback refused: release 1 < 5"):
        trust(tmp_path, channel).check(channel.metadata, installed=5)


def test_expired_metadata_is_a_freeze_and_a_clock_set_back_does_not_help(
    channel: Channel, tmp_path: Path, population
) -> None:
    later_s = (channel.now + timedelta(days=4)).timestamp()
    with pytest.raises(Refused, match=r"freeze refused: timestamp expired .*clock was set back"):
        trust(tmp_path, channel, built_s=later_s).check(channel.metadata)


def test_the_clock_is_suspect_when_it_is_behind_what_was_seen(
    channel: Channel, tmp_path: Path
) -> None:
    view = trust(tmp_path, channel, built_s=(channel.now + timedelta(days=1)).timestamp())
    assert view.check(channel.metadata).release == 1
    assert view.clock_suspect
    behind = trust(tmp_path / "other", channel)
    behind.check(channel.metadata)
    assert not behind.clock_suspect


def test_another_channels_metadata_is_refused(channel: Channel, tmp_path: Path, population) -> None:
    other = Channel(tmp_path / "thief")
    other.publish(population.entries([1]))
    with pytest.raises(Refused):
        trust(tmp_path, channel).check(other.metadata)


def test_a_root_that_is_no_root_names_what_to_install(channel: Channel, tmp_path: Path) -> None:
    with pytest.raises(SyncSetupError, match=r"install the root\.json"):
        Trust(tmp_path / "tuf", b"{}", StateFile(tmp_path / "s"), 0.0).check(channel.metadata)
