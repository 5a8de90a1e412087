"""The device's updater: CHECK, WAIT, FETCH, STAGE, COMMIT, PROBATION, CONFIRM.

Nothing but the disk says how far an update got, so every arrow may be cut off by a power cut:

    CHECK      metadata is verified; it moves floors up only
    FETCH      `parts/`: bytes under the hash that they must have; resumed by hashing
    STAGE      `staging/<n>`: made again each time from finished parts
    COMMIT     `install_release`: rename, then the link `current`; old or new
    PROBATION  `state.json` names the release before COMMIT, so a cut in between restarts it
    CONFIRM    the floor rises, then the remains are removed

What is damaged of the release in use goes the same way again, without a probation. Whom a release
removes is left out by `withdrawn.json` as soon as its `release.json` is here, should the rest fail.
"""

from __future__ import annotations

import contextlib
import logging
import time
from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from gallery.channel.errors import Refused, SyncError
from gallery.channel.health import Health, NoHealth
from gallery.errors import GalleryCorruptError, GalleryDamagedError, GalleryError
from gallery.store import store
from gallery.store.layout import current_folder
from gallery.store.release import RELEASE_FILE, Release, read_release
from gallery.store.withdrawn import forget_withdrawn, withdraw
from gallery.sync.download import Stopped
from gallery.sync.removal import removed_by
from gallery.sync.rollout import Gate, gate
from gallery.sync.staging import Staging, damage
from gallery.sync.state import StateFile
from gallery.sync.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from gallery.channel.manifest import File, Manifest
    from gallery.channel.metadata import MetadataSource
    from gallery.channel.sources import ChunkSource

log = logging.getLogger(__name__)

MAX_REJECTED = 32


class Phase(Enum):
    """Where an update is."""

    IDLE = "idle"
    CHECK = "check"
    WAIT = "wait"
    FETCH = "fetch"
    STAGE = "stage"
    COMMIT = "commit"
    PROBATION = "probation"
    CONFIRM = "confirm"


class Device:
    """One gallery on one device; a single process and thread uses it.

    Args:
        gallery: the store.
        state: folder of the updater's own files, on the same disk as the gallery.
        root: the root metadata that ships with the device.
        name: the device's id; it decides the place in a rollout.
        model: identity of the recogniser's embedder; None takes any (a device without one).
        health: asked during the probation.
        built_s: when the software was built: no clock before it is believed.
        stopped: asked between chunks.
        on_phase: told each change of `phase`.
        clock: seconds that nobody sets; a fake one in tests.
    """

    def __init__(
        self,
        gallery: Path,
        state: Path,
        root: bytes,
        *,
        name: str,
        model: str | None = None,
        health: Health | None = None,
        built_s: float = 0.0,
        stopped: Callable[[], bool] = lambda: False,
        on_phase: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.gallery, self.folder, self.name, self.model = gallery, state, name, model
        self._clock = clock
        self.states = StateFile(state / "state.json")
        self.trust = Trust(state / "tuf", root, self.states, built_s)
        self.phase = Phase.IDLE
        self.wanted = self.wanted_bytes = 0
        self.error = ""
        self.waiting = ""
        self.damaged = ""
        """What is known to be damaged of the release in use."""
        self._staging = Staging(state, gallery, stopped, self._count)
        self._bad: dict[str, tuple[str, str]] = {}
        """Releases that were refused for what is in them, by the hash of their `release.json`."""
        self._health = health or NoHealth()
        self._on_phase: Callable[[], None] = lambda: None
        self._seen: tuple[tuple[int, int], float] | None = None
        self._manifest: Manifest | None = None
        self._probation_s = self._probation_ends_s = 0.0
        self._resume()
        self._on_phase = on_phase  # whoever makes us is not ready to listen before

    def _resume(self) -> None:
        """Take up a probation that a restart interrupted, from its start."""
        pending = self.states.state.probation
        if pending is None:
            return
        if pending == self.installed() and pending in self.states.state.rejected:
            self._leave(pending, f"release {pending} was given up before the restart")
        elif pending == self.installed():
            self._begin_probation(pending, 120.0)
        else:
            self.states.change(probation=None)  # the cut came before COMMIT

    def installed(self) -> int:
        """Return the number of the release in use, 0 if there is none; it may be damaged."""
        with contextlib.suppress(GalleryError):
            folder = current_folder(self.gallery)
            return int(folder.name) if folder else 0
        return 0

    def update(
        self, metadata: MetadataSource, sources: Callable[[Manifest], Sequence[ChunkSource]]
    ) -> bool:
        """Go from CHECK to COMMIT as far as possible; True if a release was installed.

        Raises:
            Refused: what came must not be believed; the old release stays in use.
            SyncError: it did not work out this time.
        """
        try:
            installed = self._update(metadata, sources)
        except Refused as error:
            if str(error) != self.error:  # one that comes again each minute wears out no disk
                self.states.change(refusals=self.states.state.refusals + 1)
            self.error = str(error)
            log.warning("%s; release %d stays in use", error, self.installed())
            raise
        except GalleryError as error:
            self.error = str(error)
            raise
        else:
            self.error = ""
            return installed
        finally:
            if self.phase not in {Phase.PROBATION, Phase.WAIT}:
                self._enter(Phase.PROBATION if self.states.state.probation else Phase.IDLE)

    def _update(
        self, metadata: MetadataSource, sources: Callable[[Manifest], Sequence[ChunkSource]]
    ) -> bool:
        self._enter(Phase.CHECK)
        manifest = self.trust.check(metadata, self.installed())
        self.wanted, self.wanted_bytes = manifest.release, manifest.total_bytes
        self._check_manifest(manifest)
        self.waiting = ""
        self._look()
        mends = manifest.release == self.installed() and bool(self.damaged)
        if manifest.release == self.installed() and not mends:
            with contextlib.suppress(OSError):
                forget_withdrawn(self.gallery, manifest.release)
            return False
        if manifest.release in self.states.state.rejected and not mends:
            self.waiting = f"release {manifest.release} failed its probation here"
            return False
        if not mends and not self._may_go(manifest):
            return False
        self._install(manifest, sources(manifest), mends=mends)
        return not mends

    def _look(self) -> None:
        """Look for what is lost of the release in use; the scrub tells of bytes that changed."""
        if not self.installed():
            self.damaged = ""
            return
        try:
            self.damaged = damage(self.gallery) or self.damaged
        except GalleryError as error:
            self.damaged = str(error)
        if self.damaged:
            log.warning("damage found: %s; it is fetched again", self.damaged)

    def _install(self, manifest: Manifest, sources: Sequence[ChunkSource], *, mends: bool) -> None:
        """Go from FETCH to COMMIT; whom the release removes is left out in any case."""
        key = next(file.sha256 for file in manifest.files if file.path == RELEASE_FILE)
        if key in self._bad:
            raise Refused(*self._bad[key])
        self._enter(Phase.FETCH)
        release = None
        try:
            release = self._staging.begin(manifest, sources)
            self._staging.fetch(manifest)
            self._enter(Phase.STAGE)
            staging = self._staging.stage(manifest)
            self._enter(Phase.COMMIT)
            if mends:
                self._mend(staging)
            else:
                self._commit(manifest, staging)
        except Stopped:
            raise
        except (GalleryError, OSError) as error:
            self._withdraw(release, tables=not isinstance(error, Refused))
            if isinstance(error, Refused) and error.attack.startswith("malformed"):
                self._bad = {key: (error.attack, error.detail)}
                self._staging.clear()
            if isinstance(error, OSError):
                raise SyncError(f"{error.filename or self.folder}: {error.strerror}") from error
            raise

    def _withdraw(self, release: Release | None, *, tables: bool) -> None:
        """Leave out whom a release removes that cannot be installed now.

        Without `tables` only its tombstones count: what was refused does not say who is in it.
        """
        if release is None or release.number <= self.installed():
            return
        older = None
        if tables:
            with contextlib.suppress(GalleryError):
                older = store.current_release(self.gallery)[0]
        ids = removed_by(release, older, self._staging.people_file)
        try:
            if self.installed() and withdraw(self.gallery, release.number, ids):
                log.warning("release %d is not here, %d people are out", release.number, len(ids))
        except OSError as error:
            log.error("whom release %d removes is still named: %s", release.number, error)  # noqa: TRY400

    def _check_manifest(self, manifest: Manifest) -> None:
        if self.model is not None and manifest.model != self.model:
            raise Refused(
                "model mismatch",
                f"release {manifest.release} is for {manifest.model}, here runs {self.model}",
            )
        if not any(file.path == RELEASE_FILE for file in manifest.files):
            raise Refused("malformed manifest", f"release {manifest.release} has no {RELEASE_FILE}")

    def _may_go(self, manifest: Manifest) -> bool:
        """Ask the rollout; the wait counts from when this share was first seen."""
        key = (manifest.release, manifest.rollout.share)
        if self._seen is None or self._seen[0] != key:
            self._seen = (key, self._clock())
        answer = gate(manifest, self.name, self._clock() - self._seen[1])
        if answer is Gate.GO:
            return True
        self.waiting = f"rollout of release {manifest.release}: {answer.value}"
        self._enter(Phase.WAIT)
        return False

    def _count(self, size: int) -> None:
        # In memory only: a counter is not worth a write per chunk; the next change saves it.
        state = self.states.state
        self.states.state = msgspec.structs.replace(
            state,
            chunks_fetched=state.chunks_fetched + 1,
            bytes_fetched=state.bytes_fetched + size,
        )

    def _mend(self, staging: Path) -> None:
        """Put what was fetched in the place of what is damaged of the release in use."""
        self._put(staging)
        self.damaged = ""
        self.states.change(mended=self.states.state.mended + 1)

    def _put(self, staging: Path) -> None:
        try:
            store.install_release(self.gallery, staging)
        except GalleryDamagedError:
            raise  # the disk: what is damaged is fetched again
        except GalleryCorruptError as error:
            raise Refused("malformed gallery", str(error)[:500]) from error

    def _commit(self, manifest: Manifest, staging: Path) -> None:
        while self.installed() > manifest.release:
            # Only after a rotation of the targets keys, see `Trust`: leave the thief's numbers.
            store.rollback(self.gallery)
        self._health.begin(manifest.release)
        self.states.change(probation=manifest.release)
        try:
            self._put(staging)
        except GalleryError:
            self.states.change(probation=None)
            raise
        self.damaged = ""
        self.states.change(installed=self.states.state.installed + 1)
        log.info("release %d is in use, on probation", manifest.release)
        self._manifest = manifest
        self._begin_probation(manifest.release, float(manifest.probation_s))
        self.tick()

    def _begin_probation(self, release: int, seconds: float) -> None:
        self.wanted = release
        self._probation_s = seconds
        self._probation_ends_s = self._clock() + seconds
        self._enter(Phase.PROBATION)

    def tick(self) -> None:
        """End the probation when it is over, or the release when it is bad; call every second."""
        release = self.states.state.probation
        if release is None:
            return
        reason = self._health.verdict(release)
        if reason:
            self._leave(release, reason)
        elif self._clock() >= self._probation_ends_s:
            self._end_probation(release)

    def _end_probation(self, release: int) -> None:
        """Confirm what the recogniser serves; leave what a living one does not take up.

        A release with a probation of 0 s asks for none.
        """
        serves = self._probation_s <= 0 or self._health.serves(release)
        if serves:
            self._confirm(release)
        elif serves is None:
            self.waiting = f"probation of release {release}: no heartbeat of the recogniser"
        else:
            self._leave(release, f"the recogniser lives and never took release {release} up")

    def _leave(self, release: int, reason: str) -> None:
        """Go back to the release before, and do not try this one again."""
        self.waiting = ""
        rejected = (*self.states.state.rejected, release)[-MAX_REJECTED:]
        self.states.change(rejected=rejected)
        self._withdraw_before_leaving()
        try:
            back = store.rollback(self.gallery).number
            self.error = f"probation failed: {reason}; back on release {back}"
        except GalleryError as error:
            self.error = f"probation failed: {reason}; {error}"
        log.error("%s", self.error)
        self.states.change(probation=None)
        self._enter(Phase.IDLE)

    def _withdraw_before_leaving(self) -> None:
        """Whom a release removed stays out when the device goes back to the one before it."""
        older = [n for n in store.release_numbers(self.gallery) if n < self.installed()]
        if not older:
            return
        before = self.gallery / store.RELEASES / str(max(older))
        with contextlib.suppress(GalleryError, OSError):
            newer = store.current_release(self.gallery)[0]
            earlier = read_release(before / RELEASE_FILE)
            ids = removed_by(newer, earlier, self._staging.people_file)
            withdraw(self.gallery, newer.number, ids)

    def _confirm(self, release: int) -> None:
        self._enter(Phase.CONFIRM)
        self.waiting = ""
        self.trust.confirm(release)
        self._staging.clear()
        with contextlib.suppress(GalleryError, OSError):
            forget_withdrawn(self.gallery, release)
            if store.current_release(self.gallery)[0].forget_previous:
                store.forget_previous(self.gallery)
        log.info("release %d is confirmed", release)
        self._enter(Phase.IDLE)

    @property
    def probation_left_s(self) -> float | None:
        """Seconds until the probation ends, None outside of one."""
        if self.states.state.probation is None:
            return None
        return max(0.0, self._probation_ends_s - self._clock())

    def _enter(self, phase: Phase) -> None:
        if phase is not self.phase:
            self.phase = phase
            self._on_phase()


def chunk_files(manifest: Manifest) -> list[File]:
    """Return all files that chunks are cut from, the lists of hashes included."""
    lists = [part for file in manifest.files if (part := file.list_file())]
    return [*lists, *manifest.files]


__all__ = ["Device", "Phase", "SyncError", "chunk_files"]
