"""What Ollama has: its version, its tags with their digests, and a model's trained context."""

from __future__ import annotations

from typing import TypeVar

import aiohttp
import msgspec

T = TypeVar("T")

_TIMEOUT = aiohttp.ClientTimeout(total=15, sock_connect=3)


class OllamaTag(msgspec.Struct, frozen=True, kw_only=True):
    """One model by its tag. `digest` is of the manifest, not of the weights."""

    name: str
    digest: str = ""
    remote_model: str = ""
    remote_host: str = ""

    @property
    def is_remote(self) -> bool:
        """Whether the work would be done in somebody's cloud."""
        return bool(self.remote_model or self.remote_host)

    @property
    def ollama_digest(self) -> str:
        """The digest in the form that the network uses."""
        return "ollama:" + self.digest.removeprefix("sha256:") if self.digest else ""


class OllamaTags(msgspec.Struct, frozen=True, kw_only=True):
    """All models that an Ollama has."""

    models: list[OllamaTag] = []

    def find(self, local: str) -> OllamaTag | None:
        """The model of this tag; one without a colon means `:latest`."""
        wanted = local if ":" in local.rsplit("/", 1)[-1] else f"{local}:latest"
        return next((tag for tag in self.models if tag.name == wanted), None)


class _Version(msgspec.Struct, frozen=True):
    version: str = ""


class _Shown(msgspec.Struct, frozen=True, kw_only=True):
    model_info: dict[str, object] = {}


async def load_tags(session: aiohttp.ClientSession, url: str) -> OllamaTags | None:
    """The models; None where no Ollama answers."""
    body = await _ask(session, "GET", f"{url}/api/tags")
    return None if body is None else _decode(body, OllamaTags)


async def load_version(session: aiohttp.ClientSession, url: str) -> str:
    """The version; "" if it is not told."""
    body = await _ask(session, "GET", f"{url}/api/version")
    told = None if body is None else _decode(body, _Version)
    return told.version if told else ""


async def load_trained_context(session: aiohttp.ClientSession, url: str, local: str) -> int:
    """Tokens of context that the model was trained for; 0 if not told."""
    body = await _ask(session, "POST", f"{url}/api/show", {"model": local})
    shown = None if body is None else _decode(body, _Shown)
    if shown is None:
        return 0
    architecture = shown.model_info.get("general.architecture", "")
    context = shown.model_info.get(f"{architecture}.context_length", 0)
    return context if isinstance(context, int) else 0


async def _ask(
    session: aiohttp.ClientSession, method: str, url: str, body: object = None
) -> bytes | None:
    data = None if body is None else msgspec.json.encode(body)
    headers = {"Content-Type": "application/json"} if data else {}
    try:
        async with session.request(
            method, url, data=data, headers=headers, timeout=_TIMEOUT
        ) as answer:
            content = await answer.read()
    except (aiohttp.ClientError, TimeoutError, OSError):
        return None
    return content if answer.status == 200 else None


def _decode(body: bytes, expected: type[T]) -> T | None:
    try:
        return msgspec.json.decode(body, type=expected)
    except msgspec.DecodeError:
        return None
