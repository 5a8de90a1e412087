"""`tvradar sync` and `tvradar gallery publish | status | rollout | serve-chunks | …`.

`sync` is mounted at the top and below `gallery`; `gallery_app` holds the others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.options import JsonOption

gallery_app = typer.Typer(no_args_is_help=True)
rollout_app = typer.Typer(
    no_args_is_help=True,
    help="Give a release to a small share of the devices first, and to all when it works well.",
)
keys_app = typer.Typer(
    no_args_is_help=True, help="Keys and signed metadata of a gallery channel; see docs/updates.md."
)
gallery_app.add_typer(rollout_app, name="rollout")
gallery_app.add_typer(keys_app, name="keys")

HomeOption = Annotated[
    Path,
    typer.Option(
        "--home",
        envvar="TVRADAR_PUBLISH_HOME",
        help="The publisher's folder: keys, signed metadata, published files.",
    ),
]
BrokerOption = Annotated[
    str,
    typer.Option(
        "--broker",
        metavar="URI",
        envvar="TVRADAR_BROKER",
        help="mqtt[s]://[user:password@]host[:port][/prefix][?ca=…&cert=…&key=…]",
    ),
]
ToOption = Annotated[
    list[str],
    typer.Option(
        "--to",
        metavar="URI",
        help="Where to: mqtt[s]://broker, file:///folder or s3://bucket/path; may be repeated.",
    ),
]


def sync(
    origin: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="URI",
            envvar="TVRADAR_SYNC_FROM",
            help="mqtt[s]://broker, https://…, or a folder such as a USB stick.",
        ),
    ],
    root: Annotated[
        Path,
        typer.Option(
            envvar="TVRADAR_SYNC_ROOT",
            help="The root.json that the operator gave out: what all trust starts from.",
        ),
    ],
    gallery: Annotated[
        Path, typer.Option("--gallery", "-g", help="Folder of the gallery to keep current.")
    ] = Path("/var/lib/tvradar/gallery"),
    state: Annotated[
        Path, typer.Option(help="The updater's own files, on the same disk as the gallery.")
    ] = Path("/var/lib/tvradar/sync"),
    device: Annotated[
        str, typer.Option(help="This device's id; empty takes the machine's host name.")
    ] = "",
    model: Annotated[
        str, typer.Option(help="Embedder of this device; refuse galleries made for another.")
    ] = "",
    heartbeat: Annotated[
        Path | None,
        typer.Option(
            "--heartbeat", "--pulse", help="File in which the recogniser says how it works."
        ),
    ] = None,
    tell: Annotated[
        Path | None,
        typer.Option(help="File to tell the status in, for the recogniser's /metrics."),
    ] = None,
    mirror: Annotated[
        list[str] | None, typer.Option(help="A further https:// address of the published files.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Update once and end.")] = False,
    json: JsonOption = False,
) -> None:
    """Keep a gallery current: verified, resumable, safe against power cuts.

    Runs until it is stopped, as the unit tvradar-sync does; with --once it updates and ends.
    A refused update is named, and the gallery in use stays. With --json the service prints its
    status as one object a line, at each change.

    Example: tvradar sync --from /media/stick --root root.json --gallery mine --state sync --once
    """
    from edge.cli.sync import SyncOptions, run_sync  # noqa: PLC0415

    options = SyncOptions(
        origin, root, gallery, state, device, model or None, heartbeat, tell, tuple(mirror or ())
    )
    run_sync(options, once=once, json=json)


gallery_app.command("sync")(sync)


@keys_app.command("init")
def keys_init(
    home: HomeOption,
    root_keys: Annotated[int, typer.Option(min=1, help="How many root keys to make.")] = 3,
    root_threshold: Annotated[
        int, typer.Option(min=1, help="How many of them a change of keys needs.")
    ] = 2,
    targets_keys: Annotated[int, typer.Option(min=1, help="How many targets keys.")] = 1,
    targets_threshold: Annotated[
        int, typer.Option(min=1, help="How many of them a release needs.")
    ] = 1,
    json: JsonOption = False,
) -> None:
    """Make the keys of a channel and its first root.

    Ship HOME/root.json with every device. Move the root and targets keys out of HOME/keys to
    storage that is not connected; the timestamp and snapshot keys stay.
    """
    from edge.cli.publish import init_keys  # noqa: PLC0415

    init_keys(home, (root_keys, root_threshold), (targets_keys, targets_threshold), json=json)


@keys_app.command("rotate")
def keys_rotate(
    role: Annotated[str, typer.Argument(help="root, targets, snapshot or timestamp")],
    home: HomeOption,
    to: ToOption = [],  # noqa: B006 - Typer's way
    key: Annotated[str, typer.Option(help="Beginning of the id of the key to withdraw.")] = "",
    json: JsonOption = False,
) -> None:
    """Withdraw a key and make a new one; devices refuse the old one from then on.

    Needs the root keys. Rotating targets also needs the new targets key, which is made here.
    """
    from edge.cli.publish import rotate_key  # noqa: PLC0415

    rotate_key(home, role, key, to, json=json)


@keys_app.command("renew")
def keys_renew(
    home: HomeOption,
    to: ToOption,
    every: Annotated[
        float, typer.Option(metavar="HOURS", help="Stay and do it again so often; 0: once.")
    ] = 0.0,
    json: JsonOption = False,
) -> None:
    """Sign the timestamp again, and mend what a broker lost.

    Devices refuse a timestamp older than three days, so run this daily, or keep it running with
    --every 12: it then also mends each broker every ten minutes and after each reconnect.
    """
    from edge.cli.publish import renew  # noqa: PLC0415

    renew(home, to, every_h=every, json=json)


@gallery_app.command("publish")
def publish(
    gallery: Annotated[Path, typer.Argument(help="Folder of the gallery.")],
    to: ToOption,
    home: HomeOption,
    number: Annotated[
        int | None, typer.Option(help="Number of the release; the gallery's own by default.")
    ] = None,
    url: Annotated[
        list[str] | None,
        typer.Option(help="Where devices find the published files by HTTPS; may be repeated."),
    ] = None,
    retain_mib: Annotated[
        float, typer.Option(help="New files up to this size together go to the broker itself.")
    ] = 8.0,
    window: Annotated[
        int, typer.Option(metavar="SECONDS", help="Spread the devices over this time.")
    ] = 0,
    probation: Annotated[
        int, typer.Option(metavar="SECONDS", help="How long devices watch themselves.")
    ] = 120,
    removal: Annotated[
        bool, typer.Option("--removal", help="Somebody opted out: all devices within 5 minutes.")
    ] = False,
    allow_lower: Annotated[
        bool,
        typer.Option(
            "--allow-lower",
            help="Publish a lower number, after a rotation of the targets keys.",
        ),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Sign a gallery's current release and send it to the devices.

    Safe to repeat: after a crash or a lost connection, the same command completes the work.

    Example: tvradar gallery publish mine --home channel --to mqtts://broker.example
    """
    from edge.cli.publish import PublishOptions, publish_gallery  # noqa: PLC0415

    options = PublishOptions(
        number, tuple(url or ()), retain_mib, window, probation, removal, allow_lower
    )
    publish_gallery(gallery, home, to, options, json=json)


@gallery_app.command("serve-chunks")
def serve_chunks(
    broker: BrokerOption,
    home: HomeOption,
    name: Annotated[str, typer.Option(help="Client id at the broker.")] = "",
    no_share: Annotated[
        bool, typer.Option("--no-share", help="The broker knows no shared subscriptions.")
    ] = False,
) -> None:
    """Serve the files of releases to devices over MQTT; run two or more, they share the work.

    A chunk server keeps nothing and knows no keys: it may run on any machine that sees
    HOME/public.
    """
    from edge.cli.publish import serve  # noqa: PLC0415

    serve(broker, home, name, shared=not no_share)


@gallery_app.command("status")
def status(
    broker: BrokerOption,
    home: Annotated[
        Path | None, typer.Option("--home", help="Take the release from this publisher's folder.")
    ] = None,
    release: Annotated[int, typer.Option(help="The release that all should have.")] = 0,
    wait: Annotated[
        float, typer.Option(metavar="PERCENT", help="Wait until this many devices have it.")
    ] = 0.0,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="Wait no longer.")] = 600.0,
    json: JsonOption = False,
) -> None:
    """Show the fleet: how many devices are on which release, who is stuck and why.

    Ends with 1 if --wait was not reached in time.

    Example: tvradar gallery status --broker mqtts://broker.example --home channel --wait 95
    """
    from edge.cli.publish import show_status  # noqa: PLC0415

    show_status(broker, home, release, wait_percent=wait, timeout_s=timeout, json=json)


@rollout_app.command("start")
def rollout_start(
    gallery: Annotated[Path, typer.Argument(help="Folder of the gallery.")],
    to: ToOption,
    home: HomeOption,
    stages: Annotated[str, typer.Option(help="Shares in percent.")] = "1,10,50,100",
    bad: Annotated[
        float, typer.Option(help="Halt when more than this percent of them report errors.")
    ] = 5.0,
    number: Annotated[int | None, typer.Option(help="Number of the release.")] = None,
    window: Annotated[int, typer.Option(help="Spread each stage over these seconds.")] = 0,
    probation: Annotated[int, typer.Option(help="Seconds that devices watch themselves.")] = 120,
    json: JsonOption = False,
) -> None:
    """Publish a release to the first share of the devices.

    Example: tvradar gallery rollout start mine --home channel --to mqtts://broker.example
    """
    from edge.cli.publish import PublishOptions, start_rollout  # noqa: PLC0415

    options = PublishOptions(number, (), 8.0, window, probation, removal=False, allow_lower=False)
    start_rollout(gallery, home, to, options, stages, bad, json=json)


@rollout_app.command("pause")
def rollout_pause(home: HomeOption, to: ToOption, json: JsonOption = False) -> None:
    """Let no further device install the release for now."""
    from edge.cli.publish import change_rollout  # noqa: PLC0415

    change_rollout("pause", home, to, json=json)


@rollout_app.command("resume")
def rollout_resume(home: HomeOption, to: ToOption, json: JsonOption = False) -> None:
    """Go on after a pause."""
    from edge.cli.publish import change_rollout  # noqa: PLC0415

    change_rollout("resume", home, to, json=json)


@rollout_app.command("next")
def rollout_next(home: HomeOption, to: ToOption, json: JsonOption = False) -> None:
    """Go to the next stage now."""
    from edge.cli.publish import change_rollout  # noqa: PLC0415

    change_rollout("next", home, to, json=json)


@rollout_app.command("halt")
def rollout_halt(
    home: HomeOption,
    to: ToOption,
    reason: Annotated[str, typer.Option(help="Kept with the rollout.")] = "by hand",
    json: JsonOption = False,
) -> None:
    """Take a release back: the content before it, under a higher number, for all devices."""
    from edge.cli.publish import change_rollout  # noqa: PLC0415

    change_rollout("halt", home, to, reason=reason, json=json)


@rollout_app.command("status")
def rollout_status(home: HomeOption, broker: BrokerOption, json: JsonOption = False) -> None:
    """Show the current stage and how the devices are doing."""
    from edge.cli.publish import show_rollout  # noqa: PLC0415

    show_rollout(home, broker, json=json)


@rollout_app.command("watch")
def rollout_watch(
    home: HomeOption,
    broker: BrokerOption,
    to: ToOption,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="Watch no longer.")] = 86_400.0,
    json: JsonOption = False,
) -> None:
    """Go from stage to stage by what the devices report; halt when it goes wrong.

    Ends with 0 when all stages are done and with 1 when the rollout was halted.
    """
    from edge.cli.publish import watch_rollout  # noqa: PLC0415

    watch_rollout(home, broker, to, timeout_s=timeout, json=json)
