"""The two WebSockets: scenes and answers as they come, and pictures where they are switched on."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from edge.serve.live import PROTOCOL
from edge.serve.messages import Hello, encode
from gallery.foreign_json import decode_json

if TYPE_CHECKING:
    from edge.serve.device import Device
    from edge.serve.guard import Allowance
    from edge.serve.presses import Presses


class _Command(msgspec.Struct, tag_field="type", tag="press"):
    at: float | None = None


class Sockets:
    """The handlers; all run in the server's loop."""

    def __init__(self, device: Device, presses: Presses, allowance: Allowance) -> None:
        self._device = device
        self._presses = presses
        self._allowance = allowance

    async def live(self, socket: WebSocket) -> None:
        """Send what is new until the reader leaves."""
        await socket.accept()
        reader = self._device.hub.join()
        listening = asyncio.create_task(self._listen(socket))
        try:
            await socket.send_text(self._hello().decode())
            await socket.send_text(self._device.hub.state.decode())
            reader.changed.set()
            while not listening.done():
                sending = asyncio.create_task(reader.next(self._device.hub))
                await asyncio.wait({sending, listening}, return_when=asyncio.FIRST_COMPLETED)
                if not sending.done():
                    sending.cancel()
                    break
                for message in sending.result():
                    await socket.send_text(message.decode())
        except (WebSocketDisconnect, RuntimeError, OSError):
            pass  # the reader left in the middle of a message
        finally:
            self._device.hub.leave(reader)
            listening.cancel()
            await _close(socket)

    async def _listen(self, socket: WebSocket) -> None:
        """Take commands from a reader until it leaves; anything else is ignored.

        The answer goes to all readers through the hub, so that one task alone sends on a socket.
        """
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, KeyError):
            while True:
                text = await socket.receive_text()
                with contextlib.suppress(msgspec.DecodeError):
                    command = decode_json(text, _Command)
                    if self._presses.knows(command.at) and self._allowance.spend():
                        self._presses.press(command.at)

    def _hello(self) -> bytes:
        device = self._device
        return encode(
            Hello(
                PROTOCOL,
                device.preview is not None,
                device.notice,
                device.people.release(),
                titles=device.titles is not None,
                restart=device.player is not None and device.player.can_restart,
                naming=device.naming is not None,
                phone=device.pairing is not None,
            )
        )

    async def preview(self, socket: WebSocket) -> None:
        """Send pictures with their scenes until the viewer leaves."""
        preview = self._device.preview
        if preview is None:
            await socket.close(1008, "preview is off")
            return
        await socket.accept()
        changed = preview.join()
        listening = asyncio.create_task(self._drain(socket))
        try:
            while not listening.done():
                waiting = asyncio.create_task(changed.wait())
                await asyncio.wait({waiting, listening}, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                if changed.is_set():
                    changed.clear()
                    if picture := preview.newest:
                        await socket.send_bytes(picture)
        except (WebSocketDisconnect, RuntimeError, OSError):
            pass
        finally:
            preview.leave(changed)
            listening.cancel()
            await _close(socket)

    async def _drain(self, socket: WebSocket) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                if (await socket.receive())["type"] == "websocket.disconnect":
                    return


async def _close(socket: WebSocket) -> None:
    if socket.application_state is not WebSocketState.DISCONNECTED:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
            await socket.close()
