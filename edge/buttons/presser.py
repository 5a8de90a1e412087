"""What a press on a real key does: the answer to all readers, refined a moment later."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from edge.buttons.cec_keys import CecKeys
from edge.buttons.evdev_keys import EvdevKeys
from edge.serve.presses import answer_in_thread

if TYPE_CHECKING:
    from edge.buttons.key import Keys, Press
    from edge.config import ButtonsConfig
    from edge.recognise.answer import Answer
    from edge.serve.http import Device

log = logging.getLogger(__name__)


class Presser:
    """Answers presses of real keys as the server answers those over HTTP; any thread may call it.

    A long press asks about `long_press_back_s` ago: "who was that?".
    """

    def __init__(self, device: Device, config: ButtonsConfig) -> None:
        self._device = device
        self._back_s = config.long_press_back_s
        self.latency_s = 0.0
        """From the last press, by the kernel's time where there is one, to its answer."""

    def __call__(self, press: Press) -> None:
        """Answer a press."""
        at_s = self._device.history.moment_s(self._back_s) if press.kind == "long" else None
        answer_in_thread(self._device, at_s, lambda answer: self._note(press, answer))

    def _note(self, press: Press, answer: Answer) -> None:
        if answer.refined:
            return
        self.latency_s = (time.monotonic_ns() - press.at_ns) / 1e9
        self._device.metrics.presses.labels("button").observe(self.latency_s)
        log.info("%s: %s, answered after %.1f ms", press.source, press.kind, 1e3 * self.latency_s)


def open_keys(config: ButtonsConfig, presser: Presser) -> list[Keys]:
    """Return listeners for what the configuration names; start and close them.

    Raises:
        ToolMissingError: what a device needs is not installed.
        UsageError: there is no such key.
    """
    keys: list[Keys] = []
    if config.device:
        keys.append(EvdevKeys(config, presser))
    if config.cec:
        keys.append(CecKeys(config, presser))
    return keys
