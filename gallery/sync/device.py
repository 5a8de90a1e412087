"""The device's updater: CHECK, WAIT, FETCH, STAGE, COMMIT, PROBATION, CONFIRM.

Nothing but the disk says how far an update got, so every arrow may be cut off by a power cut:

    CHECK      metadata is verified; it moves floors up only
    FETCH      `parts/`: bytes under the hash that they must have; resumed by hashing
    STAGE      `staging/<n>`: made anew each time from finished parts
    COMMIT     `install_release`: rename, then the link `current`; old or new
    PROBATION  `state.json` names the release before COMMIT, so a cut in between restarts it
    CONFIRM    the floor rises, then the remains are removed
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from gallery.channel.durable import fsync_file, fsync_folder
from gallery.channel.errors import Refused, SyncError
from gallery.channel.health import Health, NoHealth
from gallery.errors import GalleryError
from gallery.store import store
from gallery.store.release import RELEASE_FILE, decode_release
from gallery.sync.download import Download
from gallery.sync.rollout import Gate, gate
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
    ) -> None:
        self.gallery, self.folder, self.name, self.model = gallery, state, name, model
        self.states = StateFile(state / "state.json")
        self.trust = Trust(state / "tuf", root, self.states, built_s)
        self.phase = Phase.IDLE
        self.wanted = 0
        self.error = ""
        self.waiting = ""
        self._health = health or NoHealth()
        self._stopped = stopped
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
        """Return the number of the release in use, 0 if there is none."""
        with contextlib.suppress(GalleryError):
            return store.current_release(self.gallery)[0].number
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
            self.error = str(error)
            self.states.change(refusals=self.states.state.refusals + 1)
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
        self.wanted = manifest.release
        self._check_manifest(manifest)
        self.waiting = ""
        if manifest.release == self.installed():
            return False
        if manifest.release in self.states.state.rejected:
            self.waiting = f"release {manifest.release} failed its probation here"
            return False
        if not self._may_go(manifest):
            return False
        self._enter(Phase.FETCH)
        files = self._fetch(manifest, sources(manifest))
        self._enter(Phase.STAGE)
        staging = self._stage(manifest, files)
        self._enter(Phase.COMMIT)
        self._commit(manifest, staging)
        return True

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
            self._seen = (key, time.monotonic())
        answer = gate(manifest, self.name, time.monotonic() - self._seen[1])
        if answer is Gate.GO:
            return True
        self.waiting = f"rollout of release {manifest.release}: {answer.value}"
        self._enter(Phase.WAIT)
        return False

    def _fetch(self, manifest: Manifest, sources: Sequence[ChunkSource]) -> dict[str, Path]:
        parts = self.folder / "parts"
        self._clear_parts(parts, manifest)
        have = self._have()
        wanted = [file for file in manifest.files if file.sha256 not in have]
        return Download(parts, sources, self._stopped, self._count).fetch(wanted)

    def _count(self, size: int) -> None:
        # In memory only: a counter is not worth a write per chunk; the next change saves it.
        state = self.states.state
        self.states.state = msgspec.structs.replace(
            state,
            chunks_fetched=state.chunks_fetched + 1,
            bytes_fetched=state.bytes_fetched + size,
        )

    def _have(self) -> set[str]:
        """Return the hashes of the files of the release in use; it was verified when it came."""
        with contextlib.suppress(GalleryError):
            return {file.sha256 for file in store.current_release(self.gallery)[0].files}
        return set()

    def _clear_parts(self, parts: Path, manifest: Manifest) -> None:
        """Remove what an abandoned update left, so that the disk does not fill up."""
        shutil.rmtree(self.folder / "staging", ignore_errors=True)
        keep = {file.sha256 for file in manifest.files}
        keep |= {file.hash_list for file in manifest.files if file.hash_list}
        if parts.is_dir():
            for path in parts.iterdir():
                if path.name.removesuffix(".part") not in keep:
                    path.unlink()

    def _stage(self, manifest: Manifest, files: dict[str, Path]) -> Path:
        """Give the finished files their names, and check that they are the release promised."""
        folder = self.folder / "staging" / str(manifest.release)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in manifest.files:
            if file.sha256 in files:
                (folder / file.path).hardlink_to(files[file.sha256])
                fsync_file(folder / file.path)
        fsync_folder(folder)
        release = decode_release((folder / RELEASE_FILE).read_bytes(), folder / RELEASE_FILE)
        promised = (manifest.release, manifest.model, manifest.dim)
        found = (release.number, release.model, release.dim)
        if promised != found:
            raise Refused(
                "mix-and-match", f"{RELEASE_FILE} is of {found}, the manifest of {promised}"
            )
        listed = {file.name: file.sha256 for file in release.files}
        named = {file.path: file.sha256 for file in manifest.files if file.path != RELEASE_FILE}
        if listed != named:
            raise Refused("mix-and-match", f"{RELEASE_FILE} lists other files than the manifest")
        return folder

    def _commit(self, manifest: Manifest, staging: Path) -> None:
        while self.installed() > manifest.release:
            # Only after a rotation of the targets keys, see `Trust`: leave the thief's numbers.
            store.rollback(self.gallery)
        self._health.begin(manifest.release)
        self.states.change(probation=manifest.release)
        store.install_release(self.gallery, staging)
        self.states.change(installed=self.states.state.installed + 1)
        log.info("release %d is in use, on probation", manifest.release)
        self._manifest = manifest
        self._begin_probation(manifest.release, float(manifest.probation_s))
        self.tick()

    def _begin_probation(self, release: int, seconds: float) -> None:
        self.wanted = release
        self._probation_s = seconds
        self._probation_ends_s = time.monotonic() + seconds
        self._enter(Phase.PROBATION)

    def tick(self) -> None:
        """End the probation when it is over, or the release when it is bad; call every second."""
        release = self.states.state.probation
        if release is None:
            return
        reason = self._health.verdict(release)
        if reason:
            self._leave(release, reason)
        elif time.monotonic() >= self._probation_ends_s:
            self._end_probation(release)

    def _end_probation(self, release: int) -> None:
        """Confirm what the recogniser serves; leave what a living one does not take up.

        A release with a probation of 0 s asks for none.
        """
        serves = self._probation_s <= 0 or self._health.serves(release)
        if serves:
            self._confirm(release)
        elif serves is None:
            self.waiting = f"probation of release {release}: no pulse of the recogniser"
        else:
            self._leave(release, f"the recogniser lives and never took release {release} up")

    def _leave(self, release: int, reason: str) -> None:
        """Go back to the release before, and do not try this one again."""
        self.waiting = ""
        rejected = (*self.states.state.rejected, release)[-MAX_REJECTED:]
        self.states.change(rejected=rejected)
        try:
            back = store.rollback(self.gallery).number
            self.error = f"probation failed: {reason}; back on release {back}"
        except GalleryError as error:
            self.error = f"probation failed: {reason}; {error}"
        log.error("%s", self.error)
        self.states.change(probation=None)
        self._enter(Phase.IDLE)

    def _confirm(self, release: int) -> None:
        self._enter(Phase.CONFIRM)
        self.waiting = ""
        self.trust.confirm(release)
        shutil.rmtree(self.folder / "staging", ignore_errors=True)
        shutil.rmtree(self.folder / "parts", ignore_errors=True)
        with contextlib.suppress(GalleryError):
            if store.current_release(self.gallery)[0].forget_previous:
                store.forget_previous(self.gallery)
        log.info("release %d is confirmed", release)
        self._enter(Phase.IDLE)

    @property
    def probation_left_s(self) -> float | None:
        """Seconds until the probation ends, None outside of one."""
        if self.states.state.probation is None:
            return None
        return max(0.0, self._probation_ends_s - time.monotonic())

    def _enter(self, phase: Phase) -> None:
        if phase is not self.phase:
            self.phase = phase
            self._on_phase()


def chunk_files(manifest: Manifest) -> list[File]:
    """Return all files that chunks are cut from, the lists of hashes included."""
    lists = [part for file in manifest.files if (part := file.list_file())]
    return [*lists, *manifest.files]


__all__ = ["Device", "Phase", "SyncError", "chunk_files"]
