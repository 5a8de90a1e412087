"""Remote controls and keyboards by Linux input; they may be plugged in at any time."""

from __future__ import annotations

import fcntl
import logging
import selectors
import struct
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from edge.buttons.key import KeyLogic, Press
from edge.errors import ToolMissingError, UsageError
from gallery.threads import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from edge.config import ButtonsConfig

log = logging.getLogger(__name__)

RESCAN_S = 1.0
POLL_S = 0.25
EVIOCSCLOCKID = 0x400445A0  # _IOW('E', 0xa0, int), linux/input.h
EV_KEY = 1
DOWN, UP = (1, 2), 0  # 2 is the kernel's repeat while the key is held


def load_evdev() -> Any:
    """Return python-evdev.

    Raises:
        ToolMissingError: it is not installed.
    """
    try:
        import evdev  # noqa: PLC0415
    except ImportError as error:
        raise ToolMissingError(
            "buttons.device: python-evdev is not installed; "
            f"run {sys.executable} -m pip install evdev"
        ) from error
    return evdev


def code_of(evdev: Any, key: str) -> int:
    """Return a key's code: `KEY_RED` as in `evtest`, or a number.

    Raises:
        UsageError: there is no such key.
    """
    if key.isdigit():
        return int(key)
    code = evdev.ecodes.ecodes.get(key)
    if not isinstance(code, int) or not key.startswith(("KEY_", "BTN_")):
        raise UsageError(
            f"buttons.key: {key} is no key, expected a name as evtest shows it (KEY_RED) or its "
            "number"
        )
    return code


def find_devices(evdev: Any, wanted: str, code: int) -> Callable[[set[str]], list[Any]]:
    """Return what opens the devices that are wanted and not open yet.

    Args:
        evdev: the library.
        wanted: a path, a device's name, or `auto` for all that have the key.
        code: the key.
    """

    def find(known: set[str]) -> list[Any]:
        paths = [wanted] if wanted.startswith("/") else evdev.list_devices()
        found = []
        for path in paths:
            if path in known:
                continue
            try:
                device = evdev.InputDevice(path)
            except OSError as error:
                log.debug("%s: %s", path, error)
                continue
            has_key = code in device.capabilities().get(EV_KEY, [])
            if wanted.startswith("/") or wanted == device.name or (wanted == "auto" and has_key):
                found.append(device)
            else:
                device.close()
        return found

    return find


class EvdevKeys:
    """Listens to input devices.

    Args:
        config: which key of which devices.
        on_press: called in this thread for each press.
        find: opens devices that are not known yet; `find_devices` unless a test gives its own.

    Raises:
        ToolMissingError: python-evdev is not installed.
        UsageError: there is no such key.
    """

    def __init__(
        self,
        config: ButtonsConfig,
        on_press: Callable[[Press], None],
        find: Callable[[set[str]], Iterable[Any]] | None = None,
    ) -> None:
        evdev = load_evdev()
        self._code = code_of(evdev, config.key)
        self._find = find or find_devices(evdev, config.device, self._code)
        self._config, self._on_press = config, on_press
        self._open: dict[str, _Open] = {}
        self._selector = selectors.DefaultSelector()
        self._stop = threading.Event()
        self._thread = Worker("evdev", self._run)

    @property
    def devices(self) -> tuple[str, ...]:
        """Paths of the devices that are listened to now."""
        return tuple(self._open)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def close(self) -> None:
        """End, and wait for the thread."""
        self._stop.set()
        self._thread.join(1)

    def _run(self) -> None:
        scan_s = 0.0
        while not self._stop.is_set():
            now_s = time.monotonic()
            if now_s >= scan_s:
                self._scan()
                scan_s = now_s + RESCAN_S
            due = [d for d in (o.logic.due_s() for o in self._open.values()) if d is not None]
            wait_s = min([POLL_S, *(max(0.0, d - time.monotonic()) for d in due)])
            for key, _ in self._selector.select(wait_s):
                self._read(key.data)
            for device in self._open.values():
                kind = device.logic.held(time.monotonic())
                if kind:
                    self._on_press(Press(kind, device.path, time.monotonic_ns(), kernel_time=False))
        for path in list(self._open):
            self._drop(path)
        self._selector.close()

    def _scan(self) -> None:
        for device in self._find(set(self._open)):
            logic = KeyLogic(self._config.debounce_ms / 1000, self._config.long_press_ms / 1000)
            opened = _Open(device, logic)
            self._open[device.path] = opened
            self._selector.register(device.fd, selectors.EVENT_READ, opened)
            log.info("%s: listening to %s", device.path, device.name)

    def _drop(self, path: str) -> None:
        opened = self._open.pop(path)
        self._selector.unregister(opened.device.fd)
        opened.device.close()

    def _read(self, opened: _Open) -> None:
        try:
            events = list(opened.device.read())
            gone = "" if events else "end of file"
        except BlockingIOError:
            return
        except OSError as error:
            events, gone = [], error.strerror or str(error)
        if gone:
            log.info("%s: gone (%s); waiting for it", opened.path, gone)
            self._drop(opened.path)
        for event in events:
            if event.type == EV_KEY and event.code == self._code:
                at_ns = opened.monotonic_ns(event.sec, event.usec)
                self._take(opened, event.value, at_ns)

    def _take(self, opened: _Open, value: int, at_ns: int) -> None:
        if value == UP:
            opened.logic.up(at_ns / 1e9)
        elif value in DOWN:
            kind = opened.logic.down(at_ns / 1e9)
            if kind:
                self._on_press(Press(kind, opened.path, at_ns, kernel_time=True))


class _Open:
    """An open device, its key, and the clock that its events are stamped with."""

    def __init__(self, device: Any, logic: KeyLogic) -> None:
        self.device, self.logic = device, logic
        self.path = str(device.path)
        self._monotonic = True
        try:
            fcntl.ioctl(device.fd, EVIOCSCLOCKID, struct.pack("i", time.CLOCK_MONOTONIC))
        except OSError:  # stamps stay those of the wall clock
            self._monotonic = False

    def monotonic_ns(self, sec: int, usec: int) -> int:
        """Return an event's time on the monotonic clock, never in the future."""
        stamp_ns = sec * 1_000_000_000 + usec * 1000
        if not self._monotonic:
            stamp_ns += time.monotonic_ns() - time.time_ns()
        return min(stamp_ns, time.monotonic_ns())
