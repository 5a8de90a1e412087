"""Enrolment of a catalogue: embed what is not done yet, judge all of it, write a release."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from engines.scores.model import score_model
from gallery.enrol.choose import choose_faces
from gallery.enrol.errors import EnrolmentInterruptedError
from gallery.enrol.labels import Judged, SameFace, compare_people, judge, settle
from gallery.enrol.shards import MAX_PICTURES, ShardStore, cut
from gallery.errors import GalleryInputError
from gallery.store.files import DISK, FileSystem
from gallery.store.person import Person, Picture
from gallery.store.quantise import Templates, quantise
from gallery.store.release import Release
from gallery.store.segment import write_quantised
from gallery.store.store import commit, now
from gallery.store.update import Entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from gallery.enrol.people import EmbeddedPerson, Entry, PersonReport
    from gallery.enrol.shards import Shard
    from gallery.store.store import Draft

Engine = Literal["local", "ray"]


@dataclass(frozen=True, slots=True)
class EnrolmentOptions:
    """How a catalogue is embedded; none of it changes what comes out.

    Attributes:
        engine: processes on this machine, or actors of Ray.
        workers: how many; 0 is one for each core.
        address: of Ray's cluster; `local` starts one here.
        part_pictures: how many pictures make a part; what a kill can cost.
        embedder: its name in the catalog; by default the one that devices run.
    """

    engine: Engine = "local"
    workers: int = 0
    address: str = "local"
    part_pictures: int = MAX_PICTURES
    embedder: str = ""


@dataclass(slots=True)
class Enrolment:
    """A catalogue that is embedded and judged; its pictures' faces stay on the disk.

    Attributes:
        model: identity of the embedder.
        store: the parts.
        shards: of the whole catalogue, sorted.
        judged: one for each person, sorted by id.
        same_faces: people who look like one under two ids.
        texts: names, roles and works by id, where they did not come with the pictures: a new work
            makes no part again.
    """

    model: str
    store: ShardStore
    shards: list[Shard]
    judged: list[Judged]
    same_faces: list[SameFace] = field(default_factory=list)
    texts: Mapping[str, Person] = field(default_factory=dict)

    @property
    def reports(self) -> list[PersonReport]:
        """What became of everybody, sorted by id."""
        return [judged.report for judged in self.judged]

    @property
    def templates(self) -> NDArray[np.float32]:
        """One for each person enrolled, float32 (p, dimension), unit length."""
        return np.stack([j.template for j in self.judged if j.template is not None])

    def people(self) -> Iterator[Person]:
        """Yield everybody enrolled, sorted by id, with photo and pictures."""
        labels = score_model(self.model).labels
        embedded = (choose_faces(one, labels) for one in self.store.people(self.shards))
        for one, judged in zip(embedded, self.judged, strict=True):
            if judged.kept:
                yield _complete(one, judged, self.texts.get(one.person.id, one.person))

    def entries(self) -> Entries:
        """Return everybody enrolled at once, to be added to a gallery."""
        everybody = list(self.people())
        owners = np.arange(len(everybody), dtype=np.int32)
        return Entries(everybody, self.templates, owners, self.model)


def enrol_catalogue(
    entries: Sequence[Entry],
    store: ShardStore,
    options: EnrolmentOptions | None = None,
    *,
    on_pictures: Callable[[int], None] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Enrolment:
    """Embed a catalogue and judge its pictures.

    Args:
        entries: sorted by id.
        store: keeps the parts that are done; those of a run that was killed are used.
        options: how.
        on_pictures: called with the number of pictures as they are done.
        stopped: asked often whether to stop.

    Raises:
        GalleryInputError: nobody has a usable picture.
        EnrolmentInterruptedError: `stopped` said so; what is done is kept.
        EnrolmentError, CatalogueReadError, GalleryWriteError: see `local` and `ray_engine`.
    """
    # Not at the top: it loads OpenCV and ONNX Runtime, and readers of the errors need neither.
    from gallery.enrol.embed import models  # noqa: PLC0415

    options = options or EnrolmentOptions()
    model, all_models = models(options.embedder)
    parts = cut(entries, f"{model} {all_models}", options.part_pictures)
    shards = [msgspec.structs.replace(part, embedder=options.embedder) for part in parts]
    missing = []
    for shard in shards:
        if store.has(shard):
            on_pictures(shard.pictures)
        else:
            missing.append(shard)
    if missing:
        try:
            _embed(missing, store, options, on_pictures, stopped)
        except EnrolmentInterruptedError:
            done = sum(store.has(shard) for shard in shards)
            kept = (
                f"{done} of {len(shards)} parts are done and kept there; the same command goes on, "
                if done
                else ""
            )
            raise EnrolmentInterruptedError(
                f"{store.folder}: stopped, {kept}nothing was changed yet"
            ) from None
    return _judged(model, store, shards)


def write_release(folder: Path, enrolment: Enrolment, *, fs: FileSystem = DISK) -> Release:
    """Make the enrolled people the current release of a gallery, and nobody else.

    The release bears the time of SOURCE_DATE_EPOCH if that is set: then the same catalogue gives
    the same bytes, wherever and in however many pieces it was embedded.

    Raises:
        GalleryWriteError: the disk is full or read-only; the release before stays in use.
    """
    rows, scales = quantise(enrolment.templates)
    stored = Templates(rows, scales, np.ones(len(rows), np.uint8))

    def write(draft: Draft) -> Release:
        people = enrolment.people()
        segment = write_quantised(draft.folder, people, stored, enrolment.model, fs=fs)
        return Release(draft.number, enrolment.model, rows.shape[1], (segment,), (), now())

    return commit(folder, write, fs)


def _embed(
    shards: list[Shard],
    store: ShardStore,
    options: EnrolmentOptions,
    on_pictures: Callable[[int], None],
    stopped: Callable[[], bool],
) -> None:
    from gallery.enrol import local  # noqa: PLC0415

    workers = min(options.workers or os.cpu_count() or 1, len(shards))
    if options.engine == "ray":
        from gallery.enrol import ray_engine  # noqa: PLC0415

        ray_engine.embed_with_ray(
            shards, store, workers, options.address, on_pictures=on_pictures, stopped=stopped
        )
    elif workers == 1:
        local.embed_here(shards, store, on_pictures=on_pictures, stopped=stopped)
    else:
        local.embed_in_pool(shards, store, workers, on_pictures=on_pictures, stopped=stopped)


def _judged(model: str, store: ShardStore, shards: list[Shard]) -> Enrolment:
    judged: list[Judged] = []
    ids: list[str] = []
    places: list[int] = []
    labels = score_model(model).labels
    for person in store.people(shards):
        embedded = choose_faces(person, labels)
        verdict = judge(embedded, labels)
        judged.append(verdict)
        places.append(len(ids) if verdict.kept else -1)
        if verdict.kept:
            ids.append(embedded.person.id)
    if not ids:
        raise GalleryInputError(
            f"nobody has a picture with a usable face, of {len(judged)} asked for; "
            + _first_reasons([j.report for j in judged])
        )
    enrolment = Enrolment(model, store, shards, judged)
    templates, at = enrolment.templates, np.array(places, np.intp)
    start = 0
    for shard in shards:
        part = [choose_faces(one, labels) for one in store.people([shard])]
        people = list(enumerate(part, start))
        enrolment.same_faces += compare_people(people, judged, ids, templates, at, labels)
        for n, person in people:
            if not judged[n].kept and person.samples:
                judged[n] = settle(person, ids, templates, labels) or judged[n]
        start += len(people)
    return enrolment


def _first_reasons(reports: list[PersonReport]) -> str:
    reasons = [f"{r.id}/{p.path}: {p.reason}" for r in reports for p in r.pictures]
    return "; ".join(reasons[:3]) or "there are no pictures"


def _complete(embedded: EmbeddedPerson, judged: Judged, texts: Person) -> Person:
    kept = [embedded.samples[i] for i in judged.kept]
    return msgspec.structs.replace(
        texts,
        pictures=tuple(Picture(s.sha256, s.picture.source, s.picture.licence) for s in kept),
        photo=max(kept, key=lambda s: s.quality).photo,
    )
