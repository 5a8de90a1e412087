"""The developer's page of the demonstration, at `/demo`: the overlay, a button, what happened."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

if TYPE_CHECKING:
    from starlette.requests import Request

    from edge.demo.stranger import StrangerShow

FILES = {
    "panel.html": "text/html; charset=utf-8",
    "panel.css": "text/css; charset=utf-8",
    "panel.js": "text/javascript; charset=utf-8",
}


class Panel:
    """The routes; `show` is set when the device runs, as the show needs it."""

    def __init__(self) -> None:
        self.show: StrangerShow | None = None

    def routes(self) -> list[BaseRoute]:
        """Return what the server adds to its own."""
        return [
            Route("/demo", self._page),
            Route("/demo/{name:str}", self._file),
            Route("/api/demo", self._state),
            Route("/api/demo/publish", self._publish, methods=["POST"]),
        ]

    async def _page(self, _request: Request) -> Response:
        return _file("panel.html")

    async def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        return _file(name) if name in FILES else PlainTextResponse("not found\n", 404)

    async def _state(self, _request: Request) -> Response:
        if self.show is None:
            return PlainTextResponse("the demonstration is not ready\n", 503)
        state = msgspec.json.encode(self.show.state)
        return Response(state, media_type="application/json")

    async def _publish(self, request: Request) -> Response:
        if self.show is None or not self.show.press():
            return PlainTextResponse("not ready, or published already\n", 409)
        return await self._state(request)


async def _to_the_page(_request: Request) -> Response:
    return RedirectResponse("/")


OWN_FILM: list[BaseRoute] = [Route("/demo", _to_the_page)]
"""With one's own film there is no stranger to publish: the overlay's page is all there is."""


def _file(name: str) -> Response:
    data = resources.files("edge.demo.panel").joinpath(name).read_bytes()
    return Response(data, media_type=FILES[name], headers={"cache-control": "no-cache"})
