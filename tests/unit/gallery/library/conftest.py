"""A server on this machine that speaks the shapes that libraries document."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image

Answer = tuple[int, str, bytes]
Handler = Callable[["Asked"], Any]


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class LocalServer:
    """Answers by path; what is no `Answer` is sent as JSON."""

    address: str
    answers: dict[str, Handler]
    asked: list[Asked] = field(default_factory=list)

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        handler = self.answers.get(asked.path)
        if handler is None:
            return 404, "text/html", b"<html>404</html>"
        found = handler(asked)
        if isinstance(found, tuple):
            return found
        return 200, "application/json", json.dumps(found).encode()


def jpeg(value: int = 128) -> bytes:
    """Return a small picture."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (value, value, value)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def server() -> Iterator[LocalServer]:
    class Requests(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            size = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(size)) if size else None
            query = {k: v[0] for k, v in parse_qs(parts.query).items()}
            status, kind, content = local.answer(Asked(parts.path, query, dict(self.headers), body))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
    local = LocalServer(f"http://127.0.0.1:{listening.server_port}", {})
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield local
    listening.shutdown()
    listening.server_close()
    thread.join()
