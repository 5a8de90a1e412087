"""The device's HTTP server: the overlay page, the live protocol, presses, people, health."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec
from msgspec import UNSET
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute

from edge.errors import SourceError
from edge.serve.bodies import body_of, json_response
from edge.serve.device import Device
from edge.serve.guard import COOKIE, Allowance, Guard
from edge.serve.messages import (
    Allowed,
    Error,
    NoScene,
    PersonCard,
    PersonScenes,
    Refused,
    Restarted,
    Sought,
    encode,
)
from edge.serve.naming_routes import naming_routes
from edge.serve.pages import page_file
from edge.serve.presses import Presses, is_moment, is_remembered
from edge.serve.server import Server
from edge.serve.sockets import Sockets
from edge.titles.messages import TitleRequest
from gallery.errors import GalleryInputError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from starlette.requests import Request
    from starlette.routing import BaseRoute

__all__ = ["Device", "Server", "create_app"]


class _PressBody(msgspec.Struct, forbid_unknown_fields=True):
    at: float | None = None


class _FeedbackBody(msgspec.Struct, forbid_unknown_fields=True):
    track: int
    id: str
    undo: bool = False


class _SeekBody(msgspec.Struct, forbid_unknown_fields=True):
    to_s: float


def create_app(
    device: Device,
    *,
    hosts: frozenset[str] = frozenset(),
    token: str = "",
    more: Sequence[BaseRoute] = (),
    frame_ancestors: Sequence[str] = (),
) -> Starlette:
    """Return the ASGI application.

    Args:
        device: what is served.
        hosts: host names that the device answers to, besides loopback ones.
        token: needed for every request but health checks, unless empty.
        more: further routes, such as the demonstration's panel.
        frame_ancestors: origins of pages that may show this one in a frame.
    """
    allowance = Allowance()
    presses = Presses(device)
    routes = _Routes(device, token, presses)
    sockets = Sockets(device, presses, allowance)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        device.hub.start(loop)
        if device.preview is not None:
            device.preview.start(loop)
        yield

    return Starlette(
        routes=[
            *more,
            *naming_routes(device),
            Route("/", routes.page),
            Route("/{name:str}", routes.page_file, name="file"),
            Route("/api/press", routes.press, methods=["POST"]),
            Route("/api/feedback", routes.feedback, methods=["POST"]),
            Route("/api/seek", routes.seek, methods=["POST"]),
            Route("/api/restart", routes.restart, methods=["POST"]),
            Route("/api/scene", routes.scene),
            Route("/api/status", routes.status),
            Route("/api/title", routes.title, methods=["GET", "POST"]),
            Route("/api/people/{id:str}", routes.person),
            Route("/api/people/{id:str}/photo", routes.photo),
            Route("/api/people/{id:str}/scenes", routes.scenes),
            Route("/api/stills/{at:float}", routes.still),
            WebSocketRoute("/api/live", sockets.live),
            WebSocketRoute("/api/preview", sockets.preview),
        ],
        middleware=[
            Middleware(
                Guard,
                hosts=hosts,
                token=token,
                allowance=allowance,
                frame_ancestors=frame_ancestors,
                pairing=device.pairing,
            )
        ],
        lifespan=lifespan,
    )


class _Routes:
    """The handlers; all run in the server's loop."""

    def __init__(self, device: Device, token: str, presses: Presses) -> None:
        self._device = device
        self._token = token
        self._presses = presses
        self._plain = {
            "healthz": self._health,
            "readyz": self._readiness,
            "metrics": self._exposition,
        }

    async def page(self, request: Request) -> Response:
        response = page_file("index.html")
        if self._token and "token" in request.query_params:  # the page's requests carry it on
            response.set_cookie(COOKIE, quote(self._token), httponly=True, samesite="strict")
        return response

    async def page_file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name in self._plain:
            return self._plain[name]()
        return page_file(name)

    def _health(self) -> Response:
        return PlainTextResponse("ok\n")

    def _readiness(self) -> Response:
        reason = self._device.ready()
        return PlainTextResponse((reason or "ready") + "\n", 503 if reason else 200)

    def _exposition(self) -> Response:
        self._device.metrics.readers.set(self._device.hub.readers)
        return Response(self._device.metrics.exposition(), media_type="text/plain; version=0.0.4")

    async def status(self, _request: Request) -> Response:
        return json_response(self._device.status())

    async def press(self, request: Request) -> Response:
        body = await body_of(request, _PressBody)
        if isinstance(body, Response):
            return body
        if not is_moment(body.at):
            return json_response(Error("at: expected a time in seconds"), 400)
        if not is_remembered(self._device, body.at):
            known = self._device.history.remembered_s()
            kept = f"{known[0]:.1f} to {known[1]:.1f} s" if known else "nothing yet"
            return json_response(Error(f"at: {body.at} s is not remembered, {kept} is"), 404)
        return json_response(self._presses.press(body.at))

    async def feedback(self, request: Request) -> Response:
        body = await body_of(request, _FeedbackBody)
        if isinstance(body, Response):
            return body
        if body.undo:
            allowed = self._device.feedback.allow(body.track, body.id)
            return json_response(Allowed(allowed), 200 if allowed else 404)
        taken = self._device.feedback.refuse(body.track, body.id)
        if taken:
            self._device.metrics.feedback.inc()
        return json_response(Refused(taken), 200 if taken else 404)

    async def title(self, request: Request) -> Response:
        """Take, or tell, the title that plays."""
        titles = self._device.titles
        if titles is None:
            return json_response(Error("the cue `title` is off, see cues.use"), 409)
        if request.method == "GET":
            return json_response(titles.now)
        body = await body_of(request, TitleRequest)
        if isinstance(body, Response):
            return body
        try:
            return json_response(await asyncio.to_thread(titles.request, body, "request"))
        except GalleryInputError as error:
            return json_response(Error(str(error)), 400)

    async def scene(self, _request: Request) -> Response:
        newest = self._device.hub.newest
        return Response(newest or encode(NoScene()), media_type="application/json")

    async def person(self, request: Request) -> Response:
        person = self._device.people.person(request.path_params["id"])
        if person is None:
            return json_response(Error("nobody in the gallery has this id"), 404)
        return json_response(PersonCard.of(person))

    async def photo(self, request: Request) -> Response:
        person = self._device.people.person(request.path_params["id"])
        if person is None or not person.photo:
            return PlainTextResponse("no photo\n", 404)
        return Response(person.photo, media_type="image/jpeg")

    async def scenes(self, request: Request) -> Response:
        """Tell when somebody was on screen, and whether one can go there."""
        person = self._device.people.person(request.path_params["id"])
        if person is None:
            return json_response(Error("nobody in the gallery has this id"), 404)
        player = self._device.player
        intervals, stills = self._device.appearing.of(person.id), self._device.stills
        spans = [(one.start_s, one.end_s) for one in intervals]
        return json_response(
            PersonScenes(
                person.id,
                round(sum(i.seconds for i in intervals), 3),
                intervals,
                player.duration_s if player else None,
                player.why_not if player else "live",
                UNSET if stills is None else tuple(stills.near(*one) for one in spans),
            )
        )

    async def still(self, request: Request) -> Response:
        """Show a picture that `scenes` told of, as long as it is kept."""
        stills = self._device.stills
        jpeg = stills.at(request.path_params["at"]) if stills is not None else b""
        if not jpeg:
            return PlainTextResponse("no picture\n", 404)
        return Response(jpeg, media_type="image/jpeg", headers={"cache-control": "no-store"})

    async def seek(self, request: Request) -> Response:
        """Go to a place in the source, where the source can."""
        body = await body_of(request, _SeekBody)
        if isinstance(body, Response):
            return body
        player = self._device.player
        if player is None or player.why_not:
            fixed = player.why_not if player else "live"
            return json_response(Error("this source cannot seek", fixed), 409)
        if not math.isfinite(body.to_s) or not 0 <= body.to_s < (player.duration_s or math.inf):
            end = player.duration_s or "the end"
            return json_response(Error(f"to_s: expected seconds from 0 to {end}"), 400)
        try:
            player.seek(body.to_s)
        except SourceError as error:  # it ended or was lost just now
            return json_response(Error(str(error), "ended"), 409)
        return json_response(Sought(body.to_s))

    async def restart(self, _request: Request) -> Response:
        """Start a source that has ended again."""
        player = self._device.player
        try:
            if player is None:
                return json_response(Error("nothing is known of this source"), 409)
            player.restart()
        except SourceError as error:
            return json_response(Error(str(error)), 409)
        return json_response(Restarted(restarted=True))
