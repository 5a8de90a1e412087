"""Staged rollout: a small share first, the rest when nothing speaks against it.

The stage is signed into the manifest, so neither a broker nor a device chooses it. Halting is not
a promise to forget: it publishes the content of the release before under a higher number, which
devices take as any other release.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

import msgspec

from gallery.channel.durable import write_atomically
from gallery.channel.manifest import TARGET, Manifest, Rollout, decode, encode
from gallery.publish.content import Options, add_release_file, prepare, published, resign
from gallery.publish.errors import PublishInputError
from gallery.store.release import RELEASE_FILE, decode_release

if TYPE_CHECKING:
    from pathlib import Path

    from gallery.publish.fleet import Summary
    from gallery.publish.repository import Repository

STAGES = (100, 1_000, 5_000, 10_000)
"""1, 10, 50, 100 percent."""
BAD_SHARE = 0.05
NAMED_DROP = 0.2
FEWEST = 5
"""This many devices must have tried before their share of errors says anything."""
STAGE_DONE = 0.9


class Plan(msgspec.Struct, frozen=True):
    """What a rollout is to do, in HOME/rollout.json.

    Attributes:
        stages: shares of 10,000, ascending.
        stage: index of the stage in force.
        before: sha256 of the manifest that was published before; empty for the first release.
        bad_share: halt above this share of devices that tried and report errors.
        named_drop: halt when the share of named faces falls by more than this, relatively.
        halted: why it was halted.
    """

    release: int
    stages: tuple[int, ...]
    stage: int = 0
    before: str = ""
    bad_share: float = BAD_SHARE
    named_drop: float = NAMED_DROP
    halted: str = ""


class RolloutControl:
    """Starts, moves and halts the rollout of one channel; the caller sends what was signed."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._file = repository.home / "rollout.json"

    def plan(self) -> Plan:
        """Return the plan.

        Raises:
            PublishInputError: there is no rollout.
        """
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Plan)
        except FileNotFoundError:
            raise PublishInputError(
                f'{self._repository.home}: no rollout; "tvradar gallery rollout start" starts one'
            ) from None

    def start(
        self,
        gallery: Path,
        options: Options,
        stages: tuple[int, ...] = STAGES,
        bad_share: float = BAD_SHARE,
    ) -> Manifest:
        """Sign the gallery's release for the first stage."""
        if (
            not stages
            or list(stages) != sorted(set(stages))
            or stages[-1] > 10_000
            or stages[0] < 1
        ):
            raise PublishInputError(f"stages {stages}: expected rising shares of 10,000")
        data = self._repository.manifest()
        before = hashlib.sha256(data).hexdigest() if data else ""
        old = options.rollout
        rollout = Rollout(secrets.token_hex(8), stages[0], old.window_s)
        manifest = prepare(
            self._repository, gallery, msgspec.structs.replace(options, rollout=rollout)
        )
        self._save(Plan(manifest.release, stages, 0, before, bad_share))
        resign(self._repository, manifest)
        return manifest

    def advance(self) -> Manifest:
        """Sign the next stage."""
        plan = self.plan()
        self._check_running(plan)
        if plan.stage + 1 >= len(plan.stages):
            raise PublishInputError(f"release {plan.release}: all stages are done")
        self._save(msgspec.structs.replace(plan, stage=plan.stage + 1))
        return self._change(share=plan.stages[plan.stage + 1])

    def pause(self) -> Manifest:
        """Sign that nobody who has it not already may install the release for now."""
        self._check_running(self.plan())
        return self._change(paused=True)

    def resume(self) -> Manifest:
        """Sign the stage in force again."""
        self._check_running(self.plan())
        return self._change(paused=False)

    def halt(self, reason: str) -> Manifest:
        """Sign the content of the release before under a higher number, for everybody."""
        plan = self.plan()
        self._check_running(plan)
        if not plan.before:
            raise PublishInputError(f"release {plan.release} is the first; there is none before it")
        old = decode((self._repository.public / "t" / f"{plan.before}.{TARGET}").read_bytes())
        manifest = republish(self._repository, old, plan.release + 1)
        self._save(msgspec.structs.replace(plan, halted=reason))
        return manifest

    def decide(self, summary: Summary) -> str:
        """Return "halt: …", "advance", "wait" or "done" for what the fleet reports."""
        plan = self.plan()
        if plan.halted:
            return "done"
        if summary.tried >= FEWEST and summary.bad / summary.tried > plan.bad_share:
            return f"halt: {summary.bad} of {summary.tried} devices report errors"
        before, now = summary.named_share_before, summary.named_share
        if summary.current >= FEWEST and before and now is not None:
            drop = 1 - now / before
            if drop > plan.named_drop:
                return f"halt: {drop:.0%} fewer faces get a name"
        share = plan.stages[plan.stage] / 10_000
        if summary.confirmed < STAGE_DONE * share * summary.devices or not summary.devices:
            return "wait"
        return "done" if plan.stage + 1 == len(plan.stages) else "advance"

    def _check_running(self, plan: Plan) -> None:
        if plan.halted:
            raise PublishInputError(f"release {plan.release} was halted: {plan.halted}")
        now = published(self._repository)
        if now is None or now.release != plan.release:
            found = now.release if now else "none"
            raise PublishInputError(
                f"rollout of release {plan.release}: {found} is published meanwhile"
            )

    def _change(self, **fields: object) -> Manifest:
        manifest = published(self._repository)
        assert manifest
        rollout = msgspec.structs.replace(manifest.rollout, **fields)
        manifest = msgspec.structs.replace(manifest, rollout=rollout)
        resign(self._repository, manifest)
        return manifest

    def _save(self, plan: Plan) -> None:
        write_atomically(self._file, msgspec.json.format(msgspec.json.encode(plan)))


def republish(repository: Repository, old: Manifest, number: int) -> Manifest:
    """Sign the content of an earlier manifest under a higher number."""
    described = next(file for file in old.files if file.path == RELEASE_FILE)
    path = repository.public / "f" / described.sha256
    release = decode_release(path.read_bytes(), path)
    options = Options(chunk_size=described.chunk_size)
    file = add_release_file(repository, release, number, options)
    manifest = msgspec.structs.replace(
        old,
        release=number,
        files=(file, *(f for f in old.files if f.path != RELEASE_FILE)),
        rollout=Rollout(),
    )
    assert decode(encode(manifest)) == manifest
    resign(repository, manifest)
    return manifest
