"""HTTP to a node that may be sick: an answer has a longest size and a longest time, all in all.

The library bounds each read of a socket alone, so that a byte now and then would keep it for ever;
and it reads as much as comes. Here the connection is cut when an answer's time is over, whatever it
is at: a name's handshake, a head, a body.
"""

from __future__ import annotations

import contextlib
import io
import socket
import threading
from typing import Any, Final

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import BaseHTTPResponse

from basis.rules.chain_errors import ChainUnreachable

_PIECE_BYTES: Final = 65_536


def make_session(*, total_timeout_s: float, most_bytes: int) -> Session:
    """A session whose answers are bounded, follows no redirection and unpacks nothing.

    Its calls raise ChainUnreachable for an answer beyond a bound.
    """
    session = Session()
    session.max_redirects = 0
    # Packed, a small answer could become any size in memory.
    session.headers["Accept-Encoding"] = "identity"
    for scheme in ("http://", "https://"):
        session.mount(scheme, _BoundedAdapter(total_timeout_s, most_bytes))
    return session


class _BoundedAdapter(HTTPAdapter):
    """Sends one request at a time."""

    def __init__(self, total_timeout_s: float, most_bytes: int) -> None:
        self._total_timeout_s = total_timeout_s
        self._most_bytes = most_bytes
        self._sockets: list[socket.socket] = []
        """Of every connection that was opened, a second handle: it can be cut through from here."""
        self._is_over = threading.Event()
        """Of the request that is under way: what it opens from then on is cut at once."""
        self._lock = threading.Lock()
        """Of both: else a connection could come to be between its request's end and the cut."""
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Makes the pools, of connections that can be cut through."""
        super().init_poolmanager(*args, **kwargs)
        note = self._note

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return note(super()._new_conn())

        class Encrypted(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return note(super()._new_conn())

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain  # type: ignore[reportAssignmentType]  # its Final fits no protocol

        class EncryptedPool(HTTPSConnectionPool):
            ConnectionCls = Encrypted  # type: ignore[reportAssignmentType]  # as above

        pools: dict[str, type[HTTPConnectionPool | HTTPSConnectionPool]] = {
            "http": PlainPool,
            "https": EncryptedPool,
        }
        self.poolmanager.pool_classes_by_scheme = pools

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,  # noqa: ARG002 - the library's; an answer is always read here
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: dict[str, str] | None = None,
    ) -> Response:
        """The whole answer, read.

        Raises:
            ChainUnreachable: it is too long, or took too long.
            OSError: as the library says.
        """
        self._is_over = is_over = threading.Event()
        timer = threading.Timer(self._total_timeout_s, self._end)
        timer.daemon = True
        timer.start()
        try:
            response = super().send(request, True, timeout, verify, cert, proxies)
            body = self._read(response.raw)
        except ChainUnreachable:
            with self._lock:
                self._cut()
            raise
        except Exception:
            if is_over.is_set():
                raise self._too_slow() from None
            raise
        finally:
            timer.cancel()
            timer.join()  # so that it never ends the request after this one
        if is_over.is_set():
            # A connection that was cut may look like an answer that ended.
            raise self._too_slow()
        response.raw = io.BytesIO(body)
        return response

    def _read(self, raw: BaseHTTPResponse) -> bytes:
        body = bytearray()
        while piece := raw.read(_PIECE_BYTES, decode_content=False):
            body += piece
            if len(body) > self._most_bytes:
                raise ChainUnreachable(
                    f"the node's answer is longer than {self._most_bytes} bytes: "
                    f"try fewer --calls-per-request, or another node"
                )
        return bytes(body)

    def _end(self) -> None:
        with self._lock:
            self._is_over.set()
            self._cut()

    def _note(self, opened: socket.socket) -> socket.socket:
        with self._lock:
            for handle in [one for one in self._sockets if _has_ended(one)]:
                self._sockets.remove(handle)
                handle.close()
            self._sockets.append(opened.dup())
            if self._is_over.is_set():
                self._cut()
        return opened

    def _cut(self) -> None:
        """Under the lock."""
        for handle in self._sockets:
            with contextlib.suppress(OSError):
                handle.shutdown(socket.SHUT_RDWR)
            handle.close()
        self._sockets.clear()

    def close(self) -> None:
        """Closes every connection."""
        with self._lock:
            self._cut()
        super().close()

    def _too_slow(self) -> ChainUnreachable:
        return ChainUnreachable(
            f"the node does not answer within {self._total_timeout_s} s: try again, or another node"
        )


def _has_ended(handle: socket.socket) -> bool:
    """Whether the connection has ended, so that its handle is of no more use."""
    try:
        handle.getpeername()
    except OSError:
        return True
    return False
