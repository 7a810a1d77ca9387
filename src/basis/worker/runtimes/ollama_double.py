"""A double of Ollama over real llama.cpp inference, for tests and the demo.

It speaks the native API as Ollama 0.33 does, with the quirks of `Quirk` switched on when wanted.
It is no Ollama: it has no registry, no templates of its own and no /v1. Run it by

    python -m basis.worker.runtimes.ollama_double --model tiny=/path/to/model.gguf --port 0

and it prints {"url": ..., "models": {name: digest}} on stdout.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from basis.worker.runtimes.ollama_double_answer import Answerer, only_loaded
from basis.worker.runtimes.ollama_double_engine import Engine, EngineError, LoadedModel, with_tag
from basis.worker.runtimes.ollama_double_shapes import (
    EmbedRequest,
    ErrorLine,
    GenerateRequest,
    Line,
    Quirk,
    join_lines,
    now_text,
)

VERSION = "0.33.0"

_DETAILS = {
    "format": "gguf",
    "family": "llama",
    "families": ["llama"],
    "parameter_size": "1.2M",
    "quantization_level": "F32",
}


class _Named(msgspec.Struct, frozen=True):
    model: str


class _Embedding(msgspec.Struct, frozen=True):
    embedding: list[float]


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int = 0


class _Embedded(msgspec.Struct, frozen=True):
    data: list[_Embedding]
    usage: _Usage = _Usage()


class OllamaDouble:
    """The server. `quirks` may be changed while it runs; `requests` are the bodies it was sent."""

    def __init__(
        self, models: Mapping[str, Path], *, quirks: set[Quirk] | None = None, num_parallel: int = 1
    ) -> None:
        self.engine = Engine(models, num_parallel=num_parallel)
        self.quirks: set[Quirk] = quirks if quirks is not None else set()
        self.requests: list[dict[str, object]] = []
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self, *, port: int = 0) -> str:
        """Listens on the loopback; the address is returned."""
        await self.engine.start()
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/", self._on_root)
        app.router.add_get("/api/version", self._on_version)
        app.router.add_get("/api/tags", self._on_tags)
        app.router.add_get("/api/ps", self._on_ps)
        app.router.add_post("/api/show", self._on_show)
        app.router.add_post("/api/chat", self._on_chat)
        app.router.add_post("/api/generate", self._on_generate)
        app.router.add_post("/api/embed", self._on_embed)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self.url

    async def stop(self) -> None:
        """Closes the port and drops the models."""
        if self._runner is not None:
            await self._runner.cleanup()
        await self.engine.stop()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if "Origin" in request.headers:
            return web.Response(status=403)  # the real one answers so too, without a word
        try:
            return await handler(request)
        except EngineError as error:
            return _json({"error": error.message}, status=error.status)
        except msgspec.DecodeError as error:
            return _json({"error": str(error)}, status=400)

    async def _on_root(self, _: web.Request) -> web.Response:
        return web.Response(text="Ollama is running")

    async def _on_version(self, _: web.Request) -> web.Response:
        return _json({"version": VERSION})

    async def _on_tags(self, _: web.Request) -> web.Response:
        tags = [self._describe(name) | {"modified_at": now_text()} for name in self.engine.models]
        if Quirk.CLOUD_MODELS in self.quirks:
            cloud = {"remote_model": "huge", "remote_host": "https://cloud.example"}
            tags = [tag | cloud for tag in tags]
        return _json({"models": tags})

    async def _on_ps(self, _: web.Request) -> web.Response:
        running = [
            self._describe(name)
            | {"expires_at": now_text(), "size_vram": 0, "context_length": model.num_ctx}
            for name, model in self.engine.loaded.items()
        ]
        return _json({"models": running})

    async def _on_show(self, request: web.Request) -> web.Response:
        body = msgspec.json.decode(await request.read(), type=_Named)
        name = self._find(body.model)
        return _json(
            {
                "modified_at": now_text(),
                "template": "{{ .Prompt }}",
                "details": _DETAILS,
                "capabilities": ["completion"],
                "model_info": {
                    "general.architecture": "llama",
                    "llama.context_length": self.engine.trained_contexts[name],
                },
            }
        )

    async def _on_chat(self, request: web.Request) -> web.StreamResponse:
        body = await self._read_generation(request)
        return await self._answer(request, body, is_chat=True, is_order=not body.messages)

    async def _on_generate(self, request: web.Request) -> web.StreamResponse:
        body = await self._read_generation(request)
        return await self._answer(request, body, is_chat=False, is_order=not body.prompt)

    async def _on_embed(self, request: web.Request) -> web.Response:
        content = await request.read()
        self.requests.append(msgspec.json.decode(content))
        body = msgspec.json.decode(content, type=EmbedRequest)
        model = await self._load(body.model, body.options.num_ctx if body.options else None)
        async with self.engine.slot(model):
            answer = await self.engine.ask(
                model, "/v1/embeddings", {"input": body.input, "encoding_format": "float"}
            )
        told = msgspec.json.decode(answer, type=_Embedded)
        return _json(
            {
                "model": body.model,
                "embeddings": [item.embedding[: body.dimensions] for item in told.data],
                "prompt_eval_count": told.usage.prompt_tokens,
                "load_duration": model.load_ns,
            }
        )

    async def _read_generation(self, request: web.Request) -> GenerateRequest:
        content = await request.read()
        self.requests.append(msgspec.json.decode(content))
        return msgspec.json.decode(content, type=GenerateRequest)

    async def _answer(
        self, request: web.Request, body: GenerateRequest, *, is_chat: bool, is_order: bool
    ) -> web.StreamResponse:
        began_ns = time.monotonic_ns()
        name = self._find(body.model)
        if is_order and body.keep_alive == 0:
            await self.engine.unload(name)
            return _json(only_loaded(body, is_chat=is_chat))
        model = await self._load(body.model, body.settings.num_ctx)
        if is_order:
            return _json(only_loaded(body, is_chat=is_chat))
        answerer = Answerer(
            engine=self.engine,
            model=model,
            quirks=self.quirks,
            request=body,
            is_chat=is_chat,
            began_ns=began_ns,
        )
        async with self.engine.slot(model):
            prepared = await answerer.prepare()
            async with aclosing(answerer.lines(prepared)) as lines:
                if body.stream is False:
                    return _json(join_lines([line async for line in lines]))
                return await self._stream(request, lines)

    async def _stream(
        self, request: web.Request, lines: AsyncGenerator[Line | ErrorLine, None]
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionResetError):  # the client does not want the rest
            async for line in lines:
                await self._write(response, msgspec.json.encode(line) + b"\n")
            await response.write_eof()
        return response

    async def _write(self, response: web.StreamResponse, encoded: bytes) -> None:
        middle = len(encoded) // 2 if Quirk.SPLITS_LINES in self.quirks else 0
        if middle:
            await response.write(encoded[:middle])
            await asyncio.sleep(0)
        await response.write(encoded[middle:])

    async def _load(self, model: str, num_ctx: int | None) -> LoadedModel:
        name = self._find(model)
        if Quirk.BUSY in self.quirks:
            raise EngineError(
                503, "server busy, please try again. maximum pending requests exceeded"
            )
        if Quirk.OUT_OF_MEMORY in self.quirks:
            raise EngineError(
                500, "model requires more system memory (9.1 GiB) than is available (7.0 GiB)"
            )
        return await self.engine.load(name, num_ctx)

    def _find(self, model: str) -> str:
        name = with_tag(model)
        if name not in self.engine.models:
            raise EngineError(404, f"model '{model}' not found")
        return name

    def _describe(self, name: str) -> dict[str, object]:
        return {
            "name": name,
            "model": name,
            "size": self.engine.models[name].stat().st_size,
            "digest": self.engine.digests[name],
            "details": _DETAILS,
        }


def _json(body: object, *, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(body), status=status, content_type="application/json"
    )


async def _serve(models: Mapping[str, Path], quirks: set[Quirk], port: int) -> None:
    double = OllamaDouble(models, quirks=quirks)
    url = await double.start(port=port)
    told = {"url": url, "models": double.engine.digests}
    sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()
    await double.stop()


def main(arguments: list[str] | None = None) -> None:
    """Runs the double until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description="A double of Ollama over llama.cpp.")
    parser.add_argument("--model", action="append", required=True, metavar="NAME=FILE")
    parser.add_argument("--quirk", action="append", default=[], choices=[q.value for q in Quirk])
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args(arguments)
    pairs = [text.partition("=") for text in given.model]
    models = {name: Path(path).expanduser() for name, _, path in pairs}
    asyncio.run(_serve(models, {Quirk(text) for text in given.quirk}, given.port))


if __name__ == "__main__":
    main()
