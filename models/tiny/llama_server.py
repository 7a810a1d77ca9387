"""llama.cpp's own HTTP server around one GGUF file, set so that answers can be compared.

One thread, one slot, no prompt cache, no flash attention and a 32-bit cache: equal requests then
give equal bits, and other runtimes agree to a hundred-thousandth of a nat.
"""

from __future__ import annotations

import http.client
import json
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import xllamacpp

TIMEOUT_SECONDS = 60


class LlamaServer:
    """A loopback server in this process; `close` it, or use it in a `with`."""

    def __init__(self, model: Path, *, context_tokens: int = 1024, threads: int = 1) -> None:
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(model)
        parameters.n_ctx = context_tokens
        parameters.n_parallel = 1
        parameters.port = 0
        parameters.verbosity = -1
        parameters.warmup = False
        parameters.n_gpu_layers = 0
        parameters.cpuparams.n_threads = threads
        parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        parameters.cache_type_k = xllamacpp.ggml_type.GGML_TYPE_F32
        parameters.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        parameters.embedding = True
        parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
        self._server: xllamacpp.Server | None = xllamacpp.Server(parameters)
        url = urlsplit(self._server.listening_address)
        self._address = url.hostname or "127.0.0.1", url.port

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stops the server; its port closes."""
        self._server = None

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The JSON answer to a request; raises `ValueError` when refused."""
        connection = http.client.HTTPConnection(*self._address, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = json.load(response)
        finally:
            connection.close()
        if response.status != HTTPStatus.OK:
            raise ValueError(f"POST {path}: {response.status} {answer}")
        return answer

    def chat(self, messages: list[dict[str, str]], *, max_tokens: int = 400) -> str:
        """The greedy answer to a conversation."""
        answer = self.post(
            "/v1/chat/completions",
            {
                "messages": messages,
                "temperature": 0,
                "max_tokens": max_tokens,
                "cache_prompt": False,
            },
        )
        return str(answer["choices"][0]["message"]["content"])

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a text, special tokens recognised, none added."""
        body = {"content": text, "add_special": False, "parse_special": True}
        tokens: list[int] = self.post("/tokenize", body)["tokens"]
        return tokens
