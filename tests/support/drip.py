"""A server that never stops answering: a beginning, and then a byte now and then."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

_PAUSE_S = 0.02


class Drip:
    """Listens on a free port of the loopback and answers each request so."""

    def __init__(self, begin: bytes, *, drop: bytes = b"x") -> None:
        self._begin = begin
        self._drop = drop
        self._is_over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _listen(self) -> None:
        while not self._is_over.is_set():
            with contextlib.suppress(OSError):
                connection, _address = self._listener.accept()
                with connection:
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(self._begin)
        while not self._is_over.wait(_PAUSE_S):
            connection.sendall(self._drop)
