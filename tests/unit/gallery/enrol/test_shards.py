"""Parts of a catalogue: all of it once, in order; kept whole or made again."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gallery.enrol.people import EmbeddedPerson, Entry, PictureRef, Sample
from gallery.enrol.shards import MAX_PEOPLE, Shard, ShardStore, cut, encode
from gallery.errors import GalleryWriteError
from gallery.store.person import Person


def entries_of(ids: list[str], pictures: int = 3, stamp: str = "") -> list[Entry]:
    return [
        Entry(
            Person(person_id, {"en": person_id}),
            tuple(PictureRef(f"{n}.png", f"/{person_id}/{n}.png", stamp) for n in range(pictures)),
        )
        for person_id in sorted(ids)
    ]


IDS = st.lists(st.text("abcdefgh", min_size=1, max_size=6), unique=True, max_size=120)


@given(IDS, st.integers(0, 9), st.integers(1, 70))
def test_parts_are_the_whole_catalogue_in_order(ids: list[str], pictures: int, most: int) -> None:
    entries = entries_of(ids, pictures)
    shards = cut(entries, "models", most)
    assert [entry for shard in shards for entry in shard.entries] == entries
    assert len({shard.key for shard in shards}) == len(shards)
    for shard in shards:
        assert 1 <= len(shard.entries) <= MAX_PEOPLE
        assert shard.pictures < most + pictures + (pictures == 0)


@given(IDS.filter(lambda ids: len(ids) > 1), st.data())
def test_somebody_new_changes_few_parts(ids: list[str], data: st.DataObject) -> None:
    new = data.draw(st.sampled_from(ids))
    before = {s.key for s in cut(entries_of([i for i in ids if i != new]), "models")}
    after = {s.key for s in cut(entries_of(ids), "models")}
    # Up to the next id that ends a part by itself; then both are in step again.
    assert len(after - before) <= 8


def test_whatever_a_part_depends_on_is_in_its_name() -> None:
    ids = ["ann", "bob"]
    before = {shard.key for shard in cut(entries_of(ids), "models")}
    assert before == {shard.key for shard in cut(entries_of(ids), "models")}
    for changed in (
        cut(entries_of(ids), "other models"),
        cut(entries_of(ids, stamp="newer"), "models"),
        cut(entries_of(ids, pictures=4), "models"),
        cut(entries_of(["ann", "bot"]), "models"),
    ):
        assert before.isdisjoint(shard.key for shard in changed)


@pytest.fixture
def done(tmp_path: Path) -> tuple[ShardStore, Shard]:
    (shard,) = cut(entries_of(["ann"]), "models")
    store = ShardStore(tmp_path / "parts")
    picture = PictureRef("0.png", "/0.png")
    person = EmbeddedPerson(
        shard.entries[0].person, (Sample(picture, "0", b"\0\0\x80?", 0.5, b"jpeg"),), ()
    )
    store.put(shard.key, encode((person,)))
    assert [*store.people([shard])] == [person]
    return store, shard


@settings(max_examples=60)
@given(st.data())
def test_a_damaged_part_is_made_anew(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    (shard,) = cut(entries_of(["ann"]), "models")
    store = ShardStore(tmp_path_factory.mktemp("parts"))
    store.put(shard.key, encode((EmbeddedPerson(shard.entries[0].person, (), ()),)))
    assert store.has(shard)
    (path,) = store.folder.iterdir()
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[at] ^= data.draw(st.integers(1, 255))
    else:
        del content[at:]
    path.write_bytes(content)
    assert not store.has(shard)
    assert [*store.folder.iterdir()] == []


def test_a_part_of_other_people_is_none(done: tuple[ShardStore, Shard]) -> None:
    store, shard = done
    assert not store.has(Shard(shard.key, cut(entries_of(["bob"]), "models")[0].entries))


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_a_full_disk_leaves_no_half_part(
    done: tuple[ShardStore, Shard], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    store, shard = done
    (other,) = cut(entries_of(["bob"]), "models")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(store.folder))

    if step == "write":
        monkeypatch.setattr(Path, "open", full)
    elif step == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(GalleryWriteError, match=r"No space left.*make room"):
        store.put(other.key, encode(()))
    monkeypatch.undo()
    assert [path.name for path in store.folder.iterdir()] == [f"{shard.key}.part"]
    assert store.has(shard)


def test_only_the_owner_reads_faces(done: tuple[ShardStore, Shard]) -> None:
    store, _ = done
    assert store.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in store.folder.iterdir()} == {0}
    store.remove()
    assert not store.folder.exists()


def test_nothing_is_left_where_no_part_was_done(tmp_path: Path) -> None:
    store = ShardStore.beside(tmp_path / "a" / "b" / "gallery")
    store.begin("key", "lin/1.jpg")
    store.remove_unless_useful()
    assert list(tmp_path.iterdir()) == []


def test_parts_that_are_done_are_kept_for_the_next_run(done: tuple[ShardStore, Shard]) -> None:
    store, shard = done
    store.remove_unless_useful()
    assert store.has(shard)
