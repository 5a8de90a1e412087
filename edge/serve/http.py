"""The device's HTTP server: the overlay page, the live protocol, presses, people, health."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import socket
import threading
import time
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from edge.errors import NotReachableError
from edge.serve.guard import Allowance, Guard
from edge.serve.live import PROTOCOL, Hub
from edge.serve.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from edge.recognise.answer import Answer
    from edge.serve.ports import FeedbackPort, PeoplePort, RadarPort
    from edge.serve.preview import Preview

log = logging.getLogger(__name__)

REFINE_AFTER_S = 0.4
"""Long enough for two or three more faces to be embedded, and within half a second."""
PAGE_FILES = {
    "favicon.svg": "image/svg+xml",
    "index.html": "text/html; charset=utf-8",
    "overlay.css": "text/css; charset=utf-8",
    "overlay.js": "text/javascript; charset=utf-8",
    "text.js": "text/javascript; charset=utf-8",
}


@dataclass(slots=True)
class Device:
    """What the server serves.

    Attributes:
        radar, people, feedback: the rest of the device.
        hub: scenes for the overlay.
        preview: pictures for the overlay, or None when they are off.
        metrics: for Prometheus.
        ready: why the device is not ready, or an empty string.
        notice: a line that the page shows at its foot, by language.
        on_press: called at each press, so that the newest faces are embedded with priority.
        status: what runs here and why, for `/api/status`.
    """

    radar: RadarPort
    people: PeoplePort
    feedback: FeedbackPort
    hub: Hub
    metrics: Metrics = field(default_factory=Metrics)
    preview: Preview | None = None
    ready: Callable[[], str] = lambda: ""
    notice: dict[str, str] = field(default_factory=dict)
    on_press: Callable[[], None] = lambda: None
    status: Callable[[], dict[str, object]] = dict


class _PressBody(msgspec.Struct, forbid_unknown_fields=True):
    at: float | None = None


class _Command(msgspec.Struct, tag_field="type", tag="press"):
    at: float | None = None


class _FeedbackBody(msgspec.Struct, forbid_unknown_fields=True):
    track: int
    id: str


def create_app(
    device: Device, *, hosts: frozenset[str] = frozenset(), token: str = ""
) -> Starlette:
    """Return the ASGI application.

    Args:
        device: what is served.
        hosts: host names that the device answers to, besides loopback ones.
        token: needed for every request but health checks, unless empty.
    """
    allowance = Allowance()
    routes = _Routes(device, token, allowance)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        device.hub.start(loop)
        if device.preview is not None:
            device.preview.start(loop)
        yield

    return Starlette(
        routes=[
            Route("/", routes.page),
            Route("/{name:str}", routes.page_file, name="file"),
            Route("/api/press", routes.press, methods=["POST"]),
            Route("/api/feedback", routes.feedback, methods=["POST"]),
            Route("/api/scene", routes.scene),
            Route("/api/status", routes.status),
            Route("/api/people/{id:str}", routes.person),
            Route("/api/people/{id:str}/photo", routes.photo),
            WebSocketRoute("/api/live", routes.live),
            WebSocketRoute("/api/preview", routes.preview),
        ],
        middleware=[Middleware(Guard, hosts=hosts, token=token, allowance=allowance)],
        lifespan=lifespan,
    )


class _Routes:
    """The handlers; all run in the server's loop."""

    def __init__(self, device: Device, token: str, allowance: Allowance) -> None:
        self._device = device
        self._token = token
        self._allowance = allowance
        self._refining: set[asyncio.Task[None]] = set()
        self._plain = {
            "healthz": self._health,
            "readyz": self._readiness,
            "metrics": self._exposition,
        }

    async def page(self, request: Request) -> Response:
        response = _page_file("index.html")
        if self._token and "token" in request.query_params:  # the page's requests carry it on
            response.set_cookie(
                "tvradar_token", quote(self._token), httponly=True, samesite="strict"
            )
        return response

    async def page_file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name in self._plain:
            return self._plain[name]()
        if name in PAGE_FILES:
            return _page_file(name)
        return PlainTextResponse("not found\n", 404)

    def _health(self) -> Response:
        return PlainTextResponse("ok\n")

    def _readiness(self) -> Response:
        reason = self._device.ready()
        return PlainTextResponse((reason or "ready") + "\n", 503 if reason else 200)

    def _exposition(self) -> Response:
        self._device.metrics.readers.set(self._device.hub.readers)
        return Response(self._device.metrics.exposition(), media_type="text/plain; version=0.0.4")

    async def status(self, _request: Request) -> Response:
        return _json(self._device.status())

    async def press(self, request: Request) -> Response:
        body = await _body(request, _PressBody)
        if isinstance(body, Response):
            return body
        if not _is_moment(body.at):
            return JSONResponse({"error": "at: expected a time in seconds"}, 400)
        return _json(self._press(body.at))

    def _press(self, at_s: float | None) -> Answer:
        begun = time.perf_counter()
        self._device.on_press()
        answer = self._device.radar.press(at_s)
        self._device.metrics.presses.labels("first").observe(time.perf_counter() - begun)
        self._device.hub.publish_answer(answer)  # a press from anywhere opens the overlay
        task = asyncio.get_running_loop().create_task(self._refine(answer, begun))
        self._refining.add(task)
        task.add_done_callback(self._refining.discard)
        return answer

    async def _refine(self, answer: Answer, begun: float) -> None:
        await asyncio.sleep(REFINE_AFTER_S)
        self._device.hub.publish_answer(self._device.radar.refine(answer))
        self._device.metrics.presses.labels("refined").observe(time.perf_counter() - begun)

    async def feedback(self, request: Request) -> Response:
        body = await _body(request, _FeedbackBody)
        if isinstance(body, Response):
            return body
        taken = self._device.feedback.refuse(body.track, body.id)
        if taken:
            self._device.metrics.feedback.inc()
        return JSONResponse({"refused": taken}, 200 if taken else 404)

    async def scene(self, _request: Request) -> Response:
        newest = self._device.hub.newest
        return Response(newest or b'{"type":"scene","faces":[]}', media_type="application/json")

    async def person(self, request: Request) -> Response:
        person = self._device.people.person(request.path_params["id"])
        if person is None:
            return JSONResponse({"error": "nobody in the gallery has this id"}, 404)
        described = msgspec.to_builtins(msgspec.structs.replace(person, photo=b""))
        described["photo"] = f"/api/people/{person.id}/photo" if person.photo else None
        return _json(described)

    async def photo(self, request: Request) -> Response:
        person = self._device.people.person(request.path_params["id"])
        if person is None or not person.photo:
            return PlainTextResponse("no photo\n", 404)
        return Response(person.photo, media_type="image/jpeg")

    async def live(self, socket: WebSocket) -> None:
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
        """Take commands from a reader until it leaves; what is no command is ignored.

        The answer goes to all readers through the hub, so that one task alone sends on a socket.
        """
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, KeyError):
            while True:
                text = await socket.receive_text()
                with contextlib.suppress(msgspec.DecodeError, msgspec.ValidationError):
                    command = msgspec.json.decode(text, type=_Command)
                    if _is_moment(command.at) and self._allowance.spend():
                        self._press(command.at)

    def _hello(self) -> bytes:
        return msgspec.json.encode(
            {
                "type": "hello",
                "v": PROTOCOL,
                "preview": self._device.preview is not None,
                "notice": self._device.notice,
                "release": self._device.people.release(),
            }
        )

    async def preview(self, socket: WebSocket) -> None:
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
                    await socket.send_bytes(preview.newest)
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


def _is_moment(at_s: float | None) -> bool:
    return at_s is None or math.isfinite(at_s)


async def _close(socket: WebSocket) -> None:
    if socket.application_state is not WebSocketState.DISCONNECTED:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
            await socket.close()


async def _body(request: Request, kind: type[Any]) -> Any:
    """Return the decoded body (empty: an empty object), or the response that refuses it."""
    try:
        data = await request.body()
        return msgspec.json.decode(data or b"{}", type=kind)
    except ClientDisconnect:
        return JSONResponse({"error": "body too large or cut off"}, 413)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return JSONResponse({"error": str(error)}, 400)


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _page_file(name: str) -> Response:
    data = resources.files("edge.serve").joinpath("overlay", name).read_bytes()
    return Response(data, media_type=PAGE_FILES[name], headers={"cache-control": "no-cache"})


class Server:
    """The application in a thread of its own.

    Args:
        app: from `create_app`.
        host, port: where to listen; port 0 takes a free one.

    Raises:
        NotReachableError: the address cannot be listened on.
    """

    def __init__(self, app: Starlette, host: str = "127.0.0.1", port: int = 0) -> None:
        try:
            self._socket = socket.create_server((host, port))
        except OSError as error:
            raise NotReachableError(
                f"{host}:{port}: cannot listen ({error.strerror}); choose another with --port"
            ) from error
        self.host, self.port = self._socket.getsockname()[:2]
        config = uvicorn.Config(
            app, log_level="warning", ws="websockets-sansio", ws_max_size=4096, access_log=False
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{self.host}:{self.port}/"

    def start(self) -> None:
        """Begin to serve; returns when requests are answered."""
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.01)

    def stop(self) -> None:
        """End all connections and the thread."""
        self._server.should_exit = True
        self._thread.join(5)
        self._server.force_exit = True
        self._thread.join(5)
        self._socket.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])
