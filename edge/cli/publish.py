"""What the commands of the publisher do."""

from __future__ import annotations

import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from rich.table import Table

from edge.cli.console import err, graceful_stop, out, print_json, progress_bar
from edge.errors import EdgeError, NotReachableError, UsageError
from edge.json_output import (
    FleetNow,
    KeyRotated,
    KeysMade,
    Published,
    Renewed,
    RolloutDecided,
    RolloutNow,
)
from gallery.channel.broker import Broker
from gallery.channel.errors import SourceError
from gallery.channel.link import LinkState, MqttLink
from gallery.channel.manifest import Rollout
from gallery.errors import GalleryError
from gallery.publish.chunk_server import ChunkServer
from gallery.publish.content import Options, prepare, published, resign
from gallery.publish.fleet import Fleet, Summary
from gallery.publish.repository import Repository
from gallery.publish.rollout import RolloutControl
from gallery.publish.to_broker import BrokerPlace
from gallery.publish.to_folder import Folder, ObjectStore, publish_files
from gallery.threads import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from gallery.channel.manifest import Manifest

CONNECT_S = 15.0
REPAIR_S = 600.0


class PublishOptions(NamedTuple):
    """Options of `publish`."""

    number: int | None
    urls: tuple[str, ...]
    retain_mib: float
    window_s: int
    probation_s: int
    removal: bool
    allow_lower: bool

    def content(self) -> Options:
        """Return them as the publisher wants them."""
        return Options(
            number=self.number,
            rollout=Rollout(window_s=self.window_s),
            removal=True if self.removal else None,
            probation_s=self.probation_s,
            retain_up_to=int(self.retain_mib * 1024 * 1024),
            urls=self.urls,
            allow_lower=self.allow_lower,
        )


def init_keys(home: Path, root: tuple[int, int], targets: tuple[int, int], *, json: bool) -> None:
    """Make keys and the first root."""
    repository = Repository(home)
    repository.init(*root, *targets)
    if json:
        print_json(KeysMade(str(home), str(home / "root.json")))
        return
    out.print(f"made the keys in {home / 'keys'}; ship {home / 'root.json'} with every device,")
    out.print("and move the root and targets keys to storage that is not connected")


def rotate_key(home: Path, role: str, key: str, to: Sequence[str], *, json: bool) -> None:
    """Rotate and send."""
    if role not in {"root", "targets", "snapshot", "timestamp"}:
        raise UsageError(f"{role!r}: expected root, targets, snapshot or timestamp")
    repository = Repository(home)
    fresh = repository.rotate(role, key or None)
    sent = {uri: _send(repository, uri) for uri in to}
    _report(
        KeyRotated(role, fresh.keyid, sent),
        f"{role}: new key {fresh.keyid[:8]}",
        json=json,
    )


def renew(home: Path, to: Sequence[str], *, every_h: float, json: bool) -> None:
    """Sign again and mend, once or for good."""
    repository = Repository(home)
    if not every_h:
        roles = repository.renew()
        mended = {uri: _send(repository, uri, repair=True) for uri in to}
        _report(Renewed(roles, mended), f"signed {', '.join(roles)}", json=json)
        return
    with graceful_stop() as stopped:
        due_s = 0.0
        while not stopped():
            if time.monotonic() >= due_s:
                repository.renew()
                due_s = time.monotonic() + every_h * 3600
            for uri in to:
                _mend(repository, uri)
            until_s = min(due_s, time.monotonic() + REPAIR_S)
            while not stopped() and time.monotonic() < until_s:
                time.sleep(0.2)


def _mend(repository: Repository, uri: str) -> None:
    """Mend one broker; one that is away is mended the next time."""
    try:
        _send(repository, uri, repair=True)
    except (GalleryError, EdgeError) as error:
        err.print(f"{uri}: {error}", markup=False)


def publish_gallery(
    gallery: Path, home: Path, to: Sequence[str], options: PublishOptions, *, json: bool
) -> None:
    """Sign and send a release."""
    repository = Repository(home)
    manifest = prepare(repository, gallery, options.content())
    resign(repository, manifest)
    _send_all(repository, manifest, to, json=json)


def _send_all(repository: Repository, manifest: Manifest, to: Sequence[str], *, json: bool) -> None:
    sent = {uri: _send(repository, uri) for uri in to}
    share = manifest.rollout.share / 100
    size = manifest.total_bytes >> 10
    text = f"release {manifest.release}: {size} KiB, for {share:g} % of the devices"
    _report(
        Published(manifest.release, manifest.total_bytes, share, manifest.rollout.paused, sent),
        text,
        json=json,
    )


def _report(value: msgspec.Struct, text: str, *, json: bool) -> None:
    if json:
        print_json(value)
    else:
        out.print(text)


def _send(repository: Repository, uri: str, *, repair: bool = False) -> int:
    """Send what is new to one place; return the bytes."""
    with progress_bar("KiB") as bar:
        task = bar.add_task(
            f"to {uri.split('?', maxsplit=1)[0].rsplit('@', maxsplit=1)[-1]}", total=None
        )

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done >> 10, total=max(total >> 10, 1))

        if uri.startswith(("mqtt://", "mqtts://")):
            with _link(uri, "publisher") as link:
                place = BrokerPlace(repository, link)
                if repair:
                    place.repair()
                return place.publish(show)
        if "://" in uri and not uri.startswith("file://"):
            return publish_files(repository, ObjectStore(uri), show)
        from pathlib import Path  # noqa: PLC0415

        return publish_files(repository, Folder(Path(uri.removeprefix("file://"))), show)


@contextmanager
def _link(uri: str, role: str) -> Iterator[MqttLink]:
    broker = Broker.from_uri(uri)
    with MqttLink(broker, f"{role}-{uuid.uuid4().hex[:8]}") as link:
        try:
            link.wait_up(CONNECT_S)
        except SourceError as error:
            raise NotReachableError(str(error)) from error
        yield link


def serve(uri: str, home: Path, name: str, *, shared: bool) -> None:
    """Serve chunks until asked to end."""
    folder = home / "public" / "f"
    if not folder.parent.is_dir():
        raise UsageError(f"{folder.parent}: not there; expected what `gallery keys init` wrote")
    link = MqttLink(Broker.from_uri(uri), name or f"chunk-server-{uuid.uuid4().hex[:8]}")
    with link, graceful_stop() as stopped:
        server = ChunkServer(folder, link, shared=shared)
        runner = Worker("chunks", server.run)
        runner.start()
        err.print(f"serving {folder} at {link.broker}; Ctrl-C ends")
        while runner.is_alive() and not stopped() and link.state is not LinkState.CLOSED:
            time.sleep(0.2)
        server.stop()
        runner.join(5)
    err.print(f"{server.answered} chunks, {server.bytes_sent >> 20} MiB served")


def show_status(
    uri: str, home: Path | None, release: int, *, wait_percent: float, timeout_s: float, json: bool
) -> None:
    """Print the fleet."""
    manifest = published(Repository(home)) if home else None
    release = release or (manifest.release if manifest else 0)
    with _link(uri, "status") as link:
        fleet = Fleet(link)
        fleet.settle()
        summary = fleet.summary(release)
        if not release and summary.by_release:
            release = max(summary.by_release)
            summary = fleet.summary(release)
        if wait_percent:
            summary = _wait(fleet, release, wait_percent, timeout_s)
    if json:
        print_json(_fleet_now(summary))
    else:
        print_summary(summary)
    if wait_percent and summary.percent < wait_percent:
        raise EdgeError(
            f"release {release}: on {summary.percent:.1f} % of devices after {timeout_s:.0f} s, "
            f"expected {wait_percent:g} %; the table above says who is stuck"
        )


def _wait(fleet: Fleet, release: int, percent: float, timeout_s: float) -> Summary:
    with progress_bar("devices") as bar:
        task = bar.add_task(f"release {release}", total=None)

        def show(summary: Summary) -> None:
            bar.update(task, completed=summary.current, total=summary.devices)

        return fleet.wait(release, percent, timeout_s, show)


def _fleet_now(summary: Summary) -> FleetNow:
    return FleetNow(**msgspec.structs.asdict(summary), percent=round(summary.percent, 2))


def print_summary(summary: Summary) -> None:
    """Print the fleet as a table."""
    table = Table(
        "release", "devices", "share", title=f"{summary.devices} devices, {summary.online} online"
    )
    for release, count in summary.by_release.items():
        name = str(release or "none") + (" *" if release == summary.release else "")
        table.add_row(name, str(count), f"{100 * count / summary.devices:.1f} %")
    out.print(table)
    out.print(
        f"release {summary.release}: {summary.confirmed} confirmed, {summary.bad} of "
        f"{summary.tried} that tried report errors, {summary.waiting} wait"
    )
    for kind, count in summary.errors.items():
        out.print(f"  {count} x {kind}", markup=False)
    for device, reason in summary.stuck:
        out.print(f"  {device}: {reason}", markup=False)


def start_rollout(
    gallery: Path,
    home: Path,
    to: Sequence[str],
    options: PublishOptions,
    stages: str,
    bad_percent: float,
    *,
    json: bool,
) -> None:
    """Start a rollout."""
    try:
        shares = tuple(round(float(part) * 100) for part in stages.split(","))
    except ValueError:
        raise UsageError(f"--stages {stages}: expected percents such as 1,10,50,100") from None
    repository = Repository(home)
    control = RolloutControl(repository)
    manifest = control.start(gallery, options.content(), shares, bad_percent / 100)
    _send_all(repository, manifest, to, json=json)


def change_rollout(
    what: str, home: Path, to: Sequence[str], *, reason: str = "", json: bool
) -> None:
    """Pause, resume, go on or halt."""
    repository = Repository(home)
    control = RolloutControl(repository)
    actions: dict[str, Callable[[], Manifest]] = {
        "pause": control.pause,
        "resume": control.resume,
        "next": control.advance,
        "halt": lambda: control.halt(reason),
    }
    _send_all(repository, actions[what](), to, json=json)


def show_rollout(home: Path, uri: str, *, json: bool) -> None:
    """Print stage and fleet."""
    control = RolloutControl(Repository(home))
    plan = control.plan()
    with _link(uri, "status") as link:
        fleet = Fleet(link)
        fleet.settle()
        summary = fleet.summary(plan.release)
    advice = control.decide(summary)
    if json:
        print_json(RolloutNow(plan, _fleet_now(summary), advice))
        return
    shares = ", ".join(f"{share / 100:g} %" for share in plan.stages)
    state = f"halted: {plan.halted}" if plan.halted else advice
    out.print(f"release {plan.release}: stage {plan.stage + 1} of {shares}; {state}", markup=False)
    print_summary(summary)


def watch_rollout(home: Path, uri: str, to: Sequence[str], *, timeout_s: float, json: bool) -> None:
    """Advance or halt by what the devices report."""
    repository = Repository(home)
    control = RolloutControl(repository)
    deadline_s = time.monotonic() + timeout_s
    decision = "wait"
    with _link(uri, "rollout") as link, graceful_stop() as stopped:
        fleet = Fleet(link)
        fleet.settle()
        while not stopped() and time.monotonic() < deadline_s:
            decision = control.decide(fleet.summary(control.plan().release))
            if decision == "advance":
                manifest = control.advance()
                err.print(f"release {manifest.release}: now {manifest.rollout.share / 100:g} %")
            elif decision.startswith("halt"):
                control.halt(decision.removeprefix("halt: "))
            if decision != "wait":
                for target in to:
                    _send(repository, target)
            if decision == "done" or decision.startswith("halt"):
                break
            time.sleep(0.5)
    _report(RolloutDecided(control.plan(), decision), decision, json=json)
    if decision.startswith("halt"):
        raise EdgeError(f"the rollout was halted: {control.plan().halted}")
