"""Every failure to HTTP, once, in OpenAI's error shape; and the last net for our own bugs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
import structlog
from aiohttp import web

from basis.rules.errors import (
    BasisError,
    Conflict,
    Forbidden,
    InvalidInput,
    JobFailed,
    LimitExceeded,
    Misconfigured,
    NotFound,
    RuntimePending,
    StorageUnavailable,
    TooLarge,
    Unauthenticated,
    UnknownModel,
)
from basis.rules.job import FailureReason

_log = structlog.get_logger(__name__)

_CUSTOMER_FAULTS = frozenset(
    {
        FailureReason.BAD_REQUEST.value,
        FailureReason.CONTEXT_EXCEEDED.value,
        FailureReason.UNSUPPORTED.value,
    }
)
_OVERLOADED = frozenset(
    {
        FailureReason.QUEUE_FULL.value,
        FailureReason.QUEUE_TIMEOUT.value,
        FailureReason.NO_WORKER.value,
    }
)
_RETRY_AFTER_S = 5

_STATUS_BY_CLASS: tuple[tuple[type[BasisError], int], ...] = (
    (InvalidInput, 400),
    (Unauthenticated, 401),
    (Forbidden, 403),
    (UnknownModel, 404),
    (NotFound, 404),
    (Conflict, 409),
    (TooLarge, 413),
    (LimitExceeded, 429),
    (RuntimePending, 503),
    (StorageUnavailable, 503),
    (Misconfigured, 503),
)
"""First match wins; children stand in the tree's order."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def http_status(error: BasisError) -> int:
    """The status that stands for `error`."""
    if isinstance(error, JobFailed):
        if error.reason in _CUSTOMER_FAULTS:
            return 400
        return 503 if error.reason in _OVERLOADED else 502
    for error_class, status in _STATUS_BY_CLASS:
        if isinstance(error, error_class):
            return status
    return 500


def error_body(error: BasisError) -> bytes:
    """`{"error": {...}}` as OpenAI's clients expect it."""
    status = http_status(error)
    code = error.reason if isinstance(error, JobFailed) else error.code
    return _encode_error(
        message=error.message,
        kind=_kind_of(status),
        param=error.param if isinstance(error, InvalidInput) else None,
        code=code,
    )


def error_response(error: BasisError) -> web.Response:
    """The whole HTTP answer to `error`."""
    response = web.Response(
        status=http_status(error), body=error_body(error), content_type="application/json"
    )
    if isinstance(error, LimitExceeded | RuntimePending):
        response.headers["Retry-After"] = str(error.retry_after_s)
    elif error.retryable and response.status == 503:
        response.headers["Retry-After"] = str(_RETRY_AFTER_S)
    if isinstance(error, Unauthenticated):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns whatever a handler raises into an answer; never a stack trace or an address."""
    try:
        return await handler(request)
    except BasisError as error:
        return error_response(error)
    except web.HTTPRequestEntityTooLarge as error:
        limit = request.client_max_size
        too_large = TooLarge(f"the body is larger than the limit of {limit} bytes")
        del error
        return error_response(too_large)
    except web.HTTPException as error:
        return _answer_http(request, error)
    except ConnectionResetError:
        # The other side left while we wrote: there is nobody to answer.
        raise
    except Exception as error:  # noqa: BLE001 - the outermost net: logged, counted, no details out
        _log.error("request_crashed", path=request.path, error=type(error).__name__, exc_info=error)
        body = _encode_error(
            message="an internal error; the operator's log has the details",
            kind="server_error",
            param=None,
            code="internal_error",
        )
        return web.Response(status=500, body=body, content_type="application/json")


def _answer_http(request: web.Request, error: web.HTTPException) -> web.Response:
    if error.status < 400:
        raise error
    message = {
        404: f"there is nothing at {request.method} {request.path[:200]}",
        405: f"{request.method} is not allowed at {request.path[:200]}",
    }.get(error.status, error.reason)
    body = _encode_error(
        message=message, kind=_kind_of(error.status), param=None, code=f"http_{error.status}"
    )
    response = web.Response(status=error.status, body=body, content_type="application/json")
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


def _kind_of(status: int) -> str:
    if status == 429:
        return "rate_limit_error"
    if status == 401:
        return "authentication_error"
    return "invalid_request_error" if status < 500 else "server_error"


def _encode_error(*, message: str, kind: str, param: str | None, code: str) -> bytes:
    return msgspec.json.encode(
        {"error": {"message": message, "type": kind, "param": param, "code": code}}
    )
