"""The commands, from keys to a fleet's table, in one process each."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec
import pytest
from typer.testing import CliRunner

from edge.cli.main import app
from gallery.channel.errors import Refused
from gallery.channel.status import Status, StatusFile
from gallery.store import store
from tests.polling import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.sync.conftest import Mosquitto, World


def run(*words: object) -> dict:
    """Run a command in a thread: `sync` gives way, and a thread's priority ends with it."""
    with ThreadPoolExecutor(1) as thread:
        result = thread.submit(CliRunner().invoke, app, [str(word) for word in words]).result()
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_from_keys_to_a_stick_to_a_device(
    fast_folder: Path, galleries: Callable[[int, int], Path]
) -> None:
    home, stick, gallery = fast_folder / "home", fast_folder / "stick", galleries(40, 1)
    run("gallery", "keys", "init", "--home", home, "--json")
    sent = run(
        "gallery",
        "publish",
        gallery,
        "--home",
        home,
        "--to",
        f"file://{stick}",
        "--probation",
        0,
        "--json",
    )
    assert sent["release"] == 1
    device = ("--gallery", fast_folder / "g", "--state", fast_folder / "s", "--device", "tv")
    root = ("--root", home / "root.json", "--once", "--json")
    told = StatusFile(fast_folder / "status.json")
    status = run("sync", "--from", stick, *device, *root, "--tell", fast_folder / "status.json")
    assert status["release"] == 1
    assert told.read() == msgspec.convert(status, Status)
    assert store.current_release(fast_folder / "g")[0].number == 1
    (stick / "m" / "timestamp.json").write_bytes(b"{}")
    with pytest.raises(Refused, match="malformed metadata"):
        run("sync", "--from", stick, *device, *root)


def test_rollout_over_a_broker(
    world: World, mosquitto: Mosquitto, galleries: Callable[[int, int], Path]
) -> None:
    """Publish, two stages, the fleet's table, halt."""
    home, uri = world.repository.home, world.uri
    run(
        "gallery",
        "publish",
        galleries(40, 1),
        "--home",
        home,
        "--to",
        uri,
        "--probation",
        0,
        "--json",
    )
    device = world.device()
    runner = threading.Thread(target=device.run)
    runner.start()
    try:
        until(lambda: device.device.installed() == 1)
        rollout = ("gallery", "rollout")
        run(
            *rollout,
            "start",
            galleries(40, 2),
            "--home",
            home,
            "--to",
            uri,
            "--number",
            2,
            "--stages",
            "50,100",
            "--probation",
            0,
            "--json",
        )
        run(*rollout, "next", "--home", home, "--to", uri, "--json")
        until(lambda: device.device.installed() == 2)
        table = run("gallery", "status", "--broker", uri, "--home", home, "--json")
        assert table["release"] == 2
        assert table["current"] >= 1
        run(*rollout, "halt", "--home", home, "--to", uri, "--reason", "a test", "--json")
        until(lambda: device.device.installed() == 3)
        plan = run(*rollout, "status", "--home", home, "--broker", uri, "--json")["plan"]
        assert plan["halted"] == "a test"
        assert run("gallery", "keys", "renew", "--home", home, "--to", uri, "--json")["signed"]
        run("gallery", "keys", "rotate", "timestamp", "--home", home, "--to", uri, "--json")
        until(lambda: device.device.states.state.floors["root"].version == 2)
    finally:
        device.stop()
        runner.join(15)
