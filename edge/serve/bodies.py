"""Bodies of requests taken as values, and values given as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from edge.serve.messages import Error, encode
from gallery.foreign_json import decode_json

if TYPE_CHECKING:
    from starlette.requests import Request


async def body_of(request: Request, kind: type[Any]) -> Any:
    """Return the decoded body (empty: an empty object), or the response that refuses it."""
    try:
        data = await request.body()
        return decode_json(data or b"{}", kind)
    except ClientDisconnect:
        return json_response(Error("body too large or cut off"), 413)
    except msgspec.DecodeError as error:
        return json_response(Error(str(error)), 400)


def json_response(value: msgspec.Struct, status: int = 200) -> Response:
    """Return a value as JSON."""
    return Response(encode(value), status, media_type="application/json")
