"""What names strangers and what a telephone asks for: `/api/naming`, `/phone`, `/api/phone`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from edge.recognise.commands import FaceCopy
from edge.serve.bodies import body_of, json_response
from edge.serve.guard import PHONE_COOKIE
from edge.serve.messages import (
    Done,
    Error,
    KeyPressed,
    Named,
    NamedPerson,
    NamingBegun,
    NamingState,
    Paired,
    PairingCode,
)
from edge.serve.pages import page_file
from edge.serve.pairing import CODE_S
from gallery.errors import GalleryError

if TYPE_CHECKING:
    from starlette.requests import Request

    from edge.serve.device import Device
    from edge.serve.naming import Naming
    from edge.serve.pairing import Pairing

Key = Literal["radar", "ok", "back", "left", "right", "up", "down", "not"]


class _Begin(msgspec.Struct, forbid_unknown_fields=True):
    track: int


class _Save(msgspec.Struct, forbid_unknown_fields=True):
    """`yes` is the viewer's own word that the face may be stored."""

    name: str
    yes: bool = False


class _Undo(msgspec.Struct, forbid_unknown_fields=True):
    id: str


class _Code(msgspec.Struct, forbid_unknown_fields=True):
    code: str


class _Key(msgspec.Struct, forbid_unknown_fields=True):
    key: Key


def naming_routes(device: Device) -> list[BaseRoute]:
    """Return the routes; none where nobody can be named and no telephone is let in."""
    routes: list[BaseRoute] = []
    if device.naming is not None:
        naming = _NamingRoutes(device, device.naming)
        routes += [
            Route("/api/naming", naming.state),
            Route("/api/naming", naming.begin, methods=["POST"]),
            Route("/api/naming/photo", naming.photo),
            Route("/api/naming/save", naming.save, methods=["POST"]),
            Route("/api/naming/cancel", naming.cancel, methods=["POST"]),
            Route("/api/naming/undo", naming.undo, methods=["POST"]),
        ]
    if device.pairing is not None:
        phone = _PhoneRoutes(device, device.pairing)
        routes += [
            Route("/phone", phone.page),
            Route("/api/phone", phone.state),
            Route("/api/phone/ask", phone.ask, methods=["POST"]),
            Route("/api/phone/pair", phone.pair, methods=["POST"]),
            Route("/api/phone/key", phone.key, methods=["POST"]),
            Route("/api/phone/forget", phone.forget, methods=["POST"]),
        ]
    return routes


class _NamingRoutes:
    def __init__(self, device: Device, naming: Naming) -> None:
        self._hub, self._naming = device.hub, naming

    async def state(self, _request: Request) -> Response:
        face = self._naming.waiting
        return json_response(NamingState(face is not None, bool(face and face.photo)))

    async def begin(self, request: Request) -> Response:
        """Let a stranger's face wait for its name."""
        body = await body_of(request, _Begin)
        if isinstance(body, Response):
            return body
        found = await self._naming.begin(body.track)
        if isinstance(found, FaceCopy):
            return json_response(NamingBegun(found.track, bool(found.photo)))
        return json_response(Error(f"this face is {found}"), 404 if found == "gone" else 409)

    async def photo(self, _request: Request) -> Response:
        face = self._naming.waiting
        if face is None or not face.photo:
            return PlainTextResponse("no face waits\n", 404)
        headers = {"cache-control": "no-store"}
        return Response(face.photo, media_type="image/jpeg", headers=headers)

    async def save(self, request: Request) -> Response:
        """Store the face that waits, after a yes and never without one."""
        body = await body_of(request, _Save)
        if isinstance(body, Response):
            return body
        if not body.yes:
            return json_response(Error("yes: expected true, the word of who names the face"), 409)
        try:
            person = await self._naming.save(body.name)
        except GalleryError as error:
            return json_response(Error(str(error)), 400)
        if person is None:
            return json_response(Error("no face waits for a name"), 404)
        self._hub.publish_other(Named(person.id, person.name()))
        return json_response(NamedPerson(person.id, person.name()))

    async def cancel(self, _request: Request) -> Response:
        self._naming.cancel()
        self._hub.publish_other(Named("", ""))
        return json_response(Done())

    async def undo(self, request: Request) -> Response:
        """Erase somebody who was named on this device."""
        body = await body_of(request, _Undo)
        if isinstance(body, Response):
            return body
        if not await self._naming.undo(body.id):
            return json_response(Error("nobody was named so on this device"), 404)
        return json_response(NamedPerson(body.id, undone=True))


class _PhoneRoutes:
    def __init__(self, device: Device, pairing: Pairing) -> None:
        self._device, self._pairing = device, pairing

    async def page(self, _request: Request) -> Response:
        return page_file("phone.html")

    async def state(self, request: Request) -> Response:
        return json_response(Paired(self._pairing.knows(request.cookies.get(PHONE_COOKIE, ""))))

    async def ask(self, _request: Request) -> Response:
        """Show a code on the television, for who stands before it."""
        code = self._pairing.show_code()
        if not code:
            return json_response(Error("too soon, or too many wrong codes; wait"), 429)
        self._device.hub.publish_other(PairingCode(code, CODE_S))
        return json_response(Done())

    async def pair(self, request: Request) -> Response:
        body = await body_of(request, _Code)
        if isinstance(body, Response):
            return body
        secret = self._pairing.redeem(body.code)
        if not secret:
            return json_response(Error("not the code that is on the screen"), 403)
        self._device.hub.publish_other(PairingCode("", 0.0))
        response = json_response(Paired(paired=True))
        response.set_cookie(PHONE_COOKIE, secret, httponly=True, samesite="strict")
        return response

    async def key(self, request: Request) -> Response:
        """Press a key on all pages of the device."""
        body = await body_of(request, _Key)
        if isinstance(body, Response):
            return body
        self._device.hub.publish_other(KeyPressed(body.key))
        return json_response(Done())

    async def forget(self, _request: Request) -> Response:
        self._pairing.forget()
        return json_response(Done())
