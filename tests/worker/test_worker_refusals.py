"""What no retry can cure ends the worker with a named code; what may pass is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from orchestrator_double import OrchestratorDouble
from running_worker import Start, expect_soon

from basis.wire import frames
from basis.wire.registration import CATALOG_PATH, REGISTER_PATH
from basis.worker.exits import ExitCode, WorkerStop
from basis.worker.foreign_words import shorten
from basis.worker.settings import parse_url, read_settings
from basis.worker.state import Phase

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
HTML = "<!doctype html><title>Welcome to nginx!</title>"
NOWHERE = "http://127.0.0.1:9"  # the discard port, where nothing listens


@asynccontextmanager
async def serve(routes: dict[str, Handler]) -> AsyncIterator[str]:
    """A web server that is no orchestrator, at its URL; other paths are 404."""
    app = web.Application()
    for path, handler in routes.items():
        app.router.add_route("*", path, handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield "http://{}:{}".format(*runner.addresses[0])
    await runner.cleanup()


def answer(status: int, text: str = HTML, **headers: str) -> Handler:
    """A handler that always answers this."""

    async def handle(_: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, text=text, content_type="text/html", headers=named)

    return handle


def pass_on(double: OrchestratorDouble, path: str) -> Handler:
    """A handler that does as the double does."""
    (route,) = [one for one in double.make_app().router.routes() if _path_of(one) == path][-1:]
    return route.handler


def _path_of(route: web.AbstractRoute) -> str:
    return route.resource.canonical if route.resource is not None else ""


# --- before anybody is asked ------------------------------------------------------------------


def typed(folder: Path, **changes: object) -> object:
    """The settings of a worker that was started with these options."""
    options: dict[str, object] = {
        "orchestrator": NOWHERE,
        "worker_id": "",
        "runtime": "echo",
        "runtime_url": "",
        "runtime_key": "",
        "models": [],
        "slots": 1,
        "context_tokens": 0,
        "state_folder": folder / "state",
        **changes,
    }
    return read_settings(**options)  # type: ignore[arg-type]  # a test's own words


@pytest.mark.parametrize("worker_id", ["a b", "-gpu", "gpu/1", "gpü", "g" * 65, "a\nb", "../x"])
def test_worker_id__that_no_orchestrator_takes__is_refused_before_anything_is_made(
    tmp_path: Path, worker_id: str
) -> None:
    with pytest.raises(WorkerStop, match="--worker-id is") as stop:
        typed(tmp_path, worker_id=worker_id)

    assert stop.value.exit_code is ExitCode.USAGE
    assert not list(tmp_path.iterdir())


def test_worker_id__kept_in_the_folder_and_damaged__names_the_folder(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "worker-id").write_text("a b\n")

    with pytest.raises(WorkerStop, match="the id kept in") as stop:
        typed(tmp_path)

    assert stop.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    "url",
    [
        "ws://example.org",
        "ftp://example.org",
        "https://",
        "http://[::1",
        "http://example.org:99999",
        "http://example.org:0",
        "http://exa mple.org",
        "http://256.0.0.1",
        "https://example.org/?key=1",
        "https://example.org/#here",
    ],
)
def test_url__that_can_never_answer__is_wrong_usage(url: str) -> None:
    with pytest.raises(WorkerStop, match="--orchestrator is") as stop:
        parse_url(url, option="--orchestrator")

    assert stop.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize("url", ["http://[::1]:8420", "https://example.org/basis", "http://h_1:1"])
def test_url__unusual_and_right__is_taken(url: str) -> None:
    assert parse_url(url, option="--orchestrator") == url


# --- not an orchestrator ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "routes",
    [
        {},
        {CATALOG_PATH: answer(200)},
        {CATALOG_PATH: answer(403)},
        {CATALOG_PATH: answer(200, "[]")},
    ],
    ids=["nothing there", "a web page", "forbidden", "other JSON"],
)
async def test_end__address_of_something_else__has_its_code(
    start: Start, routes: dict[str, Handler]
) -> None:
    async with serve(routes) as url:
        assert await start(orchestrator=url).exit_code() is ExitCode.PROTOCOL


async def test_end__address_that_speaks_no_http__has_its_code(start: Start) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        worker = start(orchestrator=f"http://127.0.0.1:{port}")

        assert await worker.exit_code() is ExitCode.PROTOCOL


@pytest.mark.parametrize("status", [400, 404, 405])
async def test_end__registration_answered_by_a_web_page__has_its_code(
    start: Start, orchestrator: OrchestratorDouble, status: int
) -> None:
    routes = {
        CATALOG_PATH: pass_on(orchestrator, CATALOG_PATH),
        REGISTER_PATH: answer(status),
    }
    async with serve(routes) as url:
        assert await start(orchestrator=url).exit_code() is ExitCode.PROTOCOL


async def speak_gibberish(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(protocols=(frames.SUBPROTOCOL,))
    await socket.prepare(request)
    await socket.receive()
    await socket.send_str('{"type":"from_the_future"}')
    await socket.receive()
    return socket


@pytest.mark.parametrize(
    "link", [answer(404), answer(200), speak_gibberish], ids=["404", "a web page", "gibberish"]
)
async def test_end__no_worker_link_at_the_address__has_its_code(
    start: Start, orchestrator: OrchestratorDouble, link: Handler
) -> None:
    routes = {
        CATALOG_PATH: pass_on(orchestrator, CATALOG_PATH),
        REGISTER_PATH: pass_on(orchestrator, REGISTER_PATH),
        frames.CONNECT_PATH: link,
    }
    async with serve(routes) as url:
        assert await start(orchestrator=url).exit_code() is ExitCode.PROTOCOL


# --- what may pass ----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 503, 504, 520, 530])
@pytest.mark.parametrize("path", [CATALOG_PATH, REGISTER_PATH, frames.CONNECT_PATH])
async def test_wait__status_that_may_pass__is_tried_again_with_its_reason(
    start: Start, orchestrator: OrchestratorDouble, path: str, status: int
) -> None:
    paths = (CATALOG_PATH, REGISTER_PATH, frames.CONNECT_PATH)
    routes = {one: pass_on(orchestrator, one) for one in paths} | {path: answer(status)}
    async with serve(routes) as url:
        worker = start(orchestrator=url)
        await expect_soon(lambda: worker.board.state.phase is Phase.WAITING)

        assert f"HTTP {status}" in worker.board.state.detail
        assert not worker.task.done()
        worker.stop.ask()
        await worker.ended()


async def test_wait__nothing_listens__is_tried_again_with_its_reason(start: Start) -> None:
    worker = start(orchestrator=NOWHERE)
    await expect_soon(lambda: worker.board.state.phase is Phase.WAITING)

    assert "no answer from" in worker.board.state.detail
    worker.stop.ask()
    await worker.ended()


@pytest.mark.parametrize(
    ("header", "least"), [("120", 120), ("999999", 3_600), ("soon", 0), ("-5", 0), ("٣", 0)]
)
async def test_wait__retry_after__is_the_shortest_wait(
    start: Start, header: str, least: int
) -> None:
    async with serve({CATALOG_PATH: answer(429, Retry_After=header)}) as url:
        worker = start(orchestrator=url)
        await expect_soon(lambda: worker.board.state.phase is Phase.WAITING)

        assert worker.board.state.detail.endswith(f"trying again within {least} s")
        worker.stop.ask()
        await worker.ended()


async def test_wait__retry_after_on_the_handshake__is_the_shortest_wait(
    start: Start, orchestrator: OrchestratorDouble
) -> None:
    routes = {path: pass_on(orchestrator, path) for path in (CATALOG_PATH, REGISTER_PATH)}
    routes[frames.CONNECT_PATH] = answer(503, Retry_After="120")
    async with serve(routes) as url:
        worker = start(orchestrator=url)
        await expect_soon(lambda: worker.board.state.phase is Phase.WAITING)

        assert worker.board.state.detail.endswith("HTTP 503; trying again within 120 s")
        worker.stop.ask()
        await worker.ended()


@pytest.mark.parametrize("status", [200, 403, 404])
async def test_wait__handshake_fails_after_a_welcome__is_a_lost_link(
    start: Start, orchestrator: OrchestratorDouble, status: int
) -> None:
    """A proxy before the orchestrator answers in its stead while it is down."""
    is_down = False
    links = {True: answer(status), False: pass_on(orchestrator, frames.CONNECT_PATH)}

    async def connect(request: web.Request) -> web.StreamResponse:
        return await links[is_down](request)

    routes = {path: pass_on(orchestrator, path) for path in (CATALOG_PATH, REGISTER_PATH)}
    async with serve(routes | {frames.CONNECT_PATH: connect}) as url:
        worker = start(orchestrator=url)
        connection = await orchestrator.connected()
        is_down = True
        await connection.drop()
        await expect_soon(lambda: f"HTTP {status}" in worker.board.state.detail)
        is_down = False

        assert (await orchestrator.connected()).hello.worker_id == "host-test"
        worker.stop.ask()
        await worker.ended()


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("all is well", "all is well"),
        ("two\nlines\r\n\x1b[31mred", "two lines [31mred"),
        ("x" * 10_000, "x" * 297 + "..."),
        ("\n" * 10_000, ""),
    ],
)
def test_foreign_words__any__are_one_short_line(said: str, shown: str) -> None:
    assert shorten(said) == shown
