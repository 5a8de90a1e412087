"""The application in a thread of its own, on a socket that is taken at once."""

from __future__ import annotations

import resource
import socket
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import uvicorn

from edge.errors import NotReachableError
from edge.serve.connections import PING_S, BoundedHttp, BoundedSocket, Gate, most_connections
from gallery.threads import Worker

if TYPE_CHECKING:
    from starlette.applications import Starlette

GOODBYE_S = 1.0
"""Connections get this long to end; then they are cut."""


class Server:
    """The application in a thread of its own, which is restarted when it ends with an error.

    Args:
        app: from `create_app`.
        host, port: where to listen; port 0 takes a free one.
        gate: bounds the connections.

    Raises:
        NotReachableError: the address cannot be listened on.
    """

    def __init__(
        self, app: Starlette, host: str = "127.0.0.1", port: int = 0, gate: Gate | None = None
    ) -> None:
        try:
            self._socket = socket.create_server((host, port))
        except OSError as error:
            raise NotReachableError(
                f"{host}:{port}: cannot listen ({error.strerror}); choose another with --port"
            ) from error
        self.host, self.port = self._socket.getsockname()[:2]
        self.gate = gate or Gate(most_connections(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))
        self._app: Any = app
        self._stopping = False
        self._server = self._make()
        self._thread = Worker("http", self._run)

    def _make(self) -> uvicorn.Server:
        http: Any = partial(BoundedHttp, gate=self.gate)
        sockets: Any = partial(BoundedSocket, gate=self.gate)
        return uvicorn.Server(
            uvicorn.Config(
                self._app,
                log_level="warning",
                log_config=None,
                access_log=False,
                http=http,
                ws=sockets,
                ws_max_size=4096,
                ws_ping_interval=PING_S,
                ws_ping_timeout=PING_S,
                timeout_graceful_shutdown=round(GOODBYE_S),
            )
        )

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
        self._stopping = True
        self._thread.stopping()
        self._server.should_exit = True
        self._thread.join(2 * GOODBYE_S)
        self._server.force_exit = True
        self._thread.join(GOODBYE_S)
        self._socket.close()

    def _run(self) -> None:
        if self._server.started:  # the one before ended by an error, and its loop with it
            self._server = self._make()
        if self._stopping:
            self._server.should_exit = True
        self._server.run(sockets=[self._socket.dup()])  # uvicorn closes what it is given
