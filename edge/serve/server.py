"""The application in a thread of its own, on a socket that is taken at once."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import uvicorn

from edge.errors import NotReachableError

if TYPE_CHECKING:
    from starlette.applications import Starlette


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
