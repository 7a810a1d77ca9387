"""Every failure to HTTP, once, in OpenAI's error shape; and the last net for our own bugs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec
import structlog
from aiohttp import web

from basis.rules.chain_errors import ChainFault
from basis.rules.errors import (
    BasisError,
    Conflict,
    DamagedRecord,
    Forbidden,
    InsufficientCredits,
    InvalidInput,
    JobFailed,
    LimitExceeded,
    Misconfigured,
    NotFound,
    Overloaded,
    RetryLater,
    RuntimePending,
    StorageUnavailable,
    TooLarge,
    TooSlow,
    Unauthenticated,
    UnknownModel,
    Unreachable,
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
_LONGEST_REASON = 200
_DAMAGED = "a record of this network is damaged; its operator can find it with `basis recompute`"
_INTERNAL_ERROR = "an internal error; the operator's log has the details"

SERVER_NAME = "basis"
"""What the HTTP library's own name and version are replaced by."""

_STATUS_BY_CLASS: tuple[tuple[type[BasisError], int], ...] = (
    (InvalidInput, 400),
    (Unauthenticated, 401),
    (InsufficientCredits, 402),
    (Forbidden, 403),
    (UnknownModel, 404),
    (NotFound, 404),
    (Conflict, 409),
    (TooLarge, 413),
    (TooSlow, 408),
    (LimitExceeded, 429),
    (Overloaded, 503),
    (RuntimePending, 503),
    (RetryLater, 503),
    (ChainFault, 503),
    (Unreachable, 503),
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
    # Which record is damaged, and how, is the operator's to know: it may be anybody's.
    message = _DAMAGED if isinstance(error, DamagedRecord) else error.message
    code = error.reason if isinstance(error, JobFailed) else error.code
    return _encode_error(
        message=message,
        kind=_kind_of(status),
        param=error.param if isinstance(error, InvalidInput) else None,
        code=code,
        extra=_figures_of(error),
    )


def error_response(error: BasisError) -> web.Response:
    """The whole HTTP answer to `error`."""
    response = web.Response(
        status=http_status(error), body=error_body(error), content_type="application/json"
    )
    if isinstance(error, RetryLater):
        response.headers["Retry-After"] = str(error.retry_after_s)
    elif error.retryable and response.status == 503:
        response.headers["Retry-After"] = str(_RETRY_AFTER_S)
    if isinstance(error, Unauthenticated):
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooSlow):
        response.force_close()
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
        if error.status < 400:
            raise
        return answer_http_error(request, error)
    except ConnectionResetError:
        # The other side left while we wrote: there is nobody to answer.
        raise
    except Exception as error:  # noqa: BLE001 - the outermost net: logged, counted, no details out
        _log.error(
            "request_crashed",
            route=_route_of(request),
            error=type(error).__name__,
            exc_info=error,
        )
        return _http_response(500, _INTERNAL_ERROR)


def _route_of(request: web.Request) -> str:
    """The route as we declared it: what a customer wrote into the path is not for the log."""
    resource = request.match_info.route.resource
    return f"{request.method} {resource.canonical}" if resource is not None else "no route"


def answer_http_error(request: web.BaseRequest, error: web.HTTPException) -> web.Response:
    """The answer to what the HTTP library refuses: a path, a method, a handshake."""
    message = {
        404: f"there is nothing at {request.method} {request.path[:200]}",
        405: f"{request.method} is not allowed at {request.path[:200]}",
    }.get(error.status, error.reason)
    response = _http_response(error.status, message)
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


def answer_unreadable(status: int, reason: str) -> web.Response:
    """The answer to what is no HTTP, or to a fault below the handlers; the connection ends with it.

    `reason` is the HTTP library's: a few words, then the bytes that it did not like, which may be
    anything and stay here.
    """
    words = reason.partition("\n")[0].partition(": b")[0].removesuffix(":")
    unreadable = f"the request is no HTTP that is understood here: {words[:_LONGEST_REASON]}"
    response = _http_response(status, unreadable if status < 500 else _INTERNAL_ERROR)
    response.headers["Server"] = SERVER_NAME
    response.force_close()
    return response


def _http_response(status: int, message: str) -> web.Response:
    code = "internal_error" if status == 500 else f"http_{status}"
    body = _encode_error(message=message, kind=_kind_of(status), param=None, code=code)
    return web.Response(status=status, body=body, content_type="application/json")


def _kind_of(status: int) -> str:
    if status == 429:
        return "rate_limit_error"
    if status == 401:
        return "authentication_error"
    if status == 402:
        return "insufficient_quota"
    return "invalid_request_error" if status < 500 else "server_error"


def _figures_of(error: BasisError) -> dict[str, str]:
    """What is missing, in base units, for programs that top up by themselves."""
    if not isinstance(error, InsufficientCredits):
        return {}
    return {
        "required_microcredits": str(error.required),
        "available_microcredits": str(error.available),
        "missing_microcredits": str(error.missing),
    }


def _encode_error(
    *, message: str, kind: str, param: str | None, code: str, extra: Mapping[str, str] | None = None
) -> bytes:
    return msgspec.json.encode(
        {"error": {"message": message, "type": kind, "param": param, "code": code, **(extra or {})}}
    )
