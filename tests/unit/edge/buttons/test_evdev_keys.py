"""Keys by python-evdev: through uinput where the kernel has it, else real structs in a pipe."""

from __future__ import annotations

import queue
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edge.buttons.evdev_keys import EvdevKeys, code_of
from edge.config import ButtonsConfig
from edge.errors import UsageError
from tests.polling import until
from tests.unit.edge.buttons.remote import KEY_RED, Remote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from edge.buttons.key import Press

evdev = pytest.importorskip("evdev", reason="no python-evdev: pip install 'tvradar[buttons]'")


class Bench:
    """A bus of remotes and what was pressed on them."""

    def __init__(self, **config: Any) -> None:
        self.waiting: list[Remote] = []
        self.presses: queue.Queue[Press] = queue.Queue()
        self.keys = EvdevKeys(ButtonsConfig(**config), self.presses.put, self.find)
        self.keys.start()

    def find(self, known: set[str]) -> Iterable[Any]:
        new = [remote.device for remote in self.waiting if remote.device.path not in known]
        self.waiting.clear()
        return new

    def plug(self, path: str) -> Remote:
        remote = Remote(path)
        self.waiting.append(remote)
        until(lambda: path in self.keys.devices)
        return remote


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench(long_press_ms=200)
    yield bench
    bench.keys.close()


def test_the_key_is_told_with_its_events_own_time(bench: Bench) -> None:
    remote = bench.plug("/dev/input/event7")
    remote.key(1, code=30)
    remote.key(0, code=30)
    remote.key(1, age_s=0.02)
    remote.key(0)
    press = bench.presses.get(timeout=5)
    assert (press.kind, press.source, press.kernel_time) == ("press", "/dev/input/event7", True)
    assert 0.02 <= time.monotonic() - press.at_ns / 1e9 < 1
    assert bench.presses.empty()


def test_a_held_key_is_a_press_and_then_a_long_one(bench: Bench) -> None:
    remote = bench.plug("/dev/input/event7")
    remote.key(1)
    assert bench.presses.get(timeout=5).kind == "press"
    assert bench.presses.get(timeout=5).kind == "long"
    remote.key(2)
    remote.key(0)
    time.sleep(0.3)
    assert bench.presses.empty()


def test_a_remote_may_go_and_come_back(bench: Bench) -> None:
    first = bench.plug("/dev/input/event7")
    first.unplug()
    until(lambda: not bench.keys.devices)
    again = bench.plug("/dev/input/event7")
    again.key(1)
    assert bench.presses.get(timeout=5).source == "/dev/input/event7"
    again.key(0)


def test_keys_are_called_by_name_or_number() -> None:
    assert code_of(evdev, "KEY_RED") == code_of(evdev, "398") == KEY_RED
    for wrong in ("RED", "KEY_NONE_SUCH", "EV_KEY"):
        with pytest.raises(UsageError, match=wrong):
            code_of(evdev, wrong)


@pytest.mark.skipif(not Path("/dev/uinput").exists(), reason="this kernel has no /dev/uinput")
def test_a_real_device_by_uinput() -> None:
    presses: queue.Queue[Press] = queue.Queue()
    with evdev.UInput({evdev.ecodes.EV_KEY: [KEY_RED]}, name="tvradar test remote") as remote:
        keys = EvdevKeys(ButtonsConfig(device="tvradar test remote"), presses.put)
        keys.start()
        try:
            deadline = time.monotonic() + 5
            while not keys.devices:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            remote.write(evdev.ecodes.EV_KEY, KEY_RED, 1)
            remote.syn()
            press = presses.get(timeout=5)
        finally:
            keys.close()
    assert press.kernel_time
    assert 0 <= time.monotonic() - press.at_ns / 1e9 < 1
