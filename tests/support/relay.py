"""A door before a node: it may answer for it, count, break off, or change what it says."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

Answer = tuple[int, bytes] | None
"""A status and a body; None lets the node answer."""
Script = Callable[[int, bytes], Answer]
"""Given the number of the request, from 1, and its body."""


class Relay:
    """Listens on a free port of the loopback and passes requests on to a node, as `script` says."""

    def __init__(self, node_url: str, script: Script) -> None:
        self.requests = 0
        self._script = script
        self._node = node_url.removeprefix("http://")
        relay = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = relay.answer(body)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, body: bytes) -> tuple[int, bytes]:
        """What the caller gets for `body`."""
        self.requests += 1
        answer = self._script(self.requests, body)
        return self._ask_node(body) if answer is None else answer

    def _ask_node(self, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._node, timeout=30)
        try:
            connection.request("POST", "/", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()
