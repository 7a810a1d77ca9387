"""llama.cpp's own server over the shipped model: what the meter is compared with."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import xllamacpp

from tests.support.artefacts import TINY_GGUF


class LlamaServer:
    """One slot of the whole context, without a GPU, reached over its own HTTP."""

    def __init__(self) -> None:
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(TINY_GGUF)
        parameters.port = 0
        parameters.n_parallel = 1
        parameters.n_ctx = 1_024
        parameters.n_ubatch = 1_024  # an embedding's whole input must fit into it
        parameters.n_gpu_layers = 0
        parameters.cpuparams.n_threads = 1
        parameters.verbosity = -1
        parameters.warmup = False
        parameters.embedding = True
        parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
        self._server: xllamacpp.Server | None = xllamacpp.Server(parameters)
        url = urlsplit(self._server.listening_address)
        self._address = (url.hostname or "", url.port)

    def close(self) -> None:
        """Stops the server."""
        self._server = None

    def post(self, path: str, **body: Any) -> Any:
        """The answer to a request."""
        connection = http.client.HTTPConnection(*self._address, timeout=60)
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = json.load(response)
        connection.close()
        assert response.status == 200, answer
        return answer

    def usage(self, path: str, **body: Any) -> dict[str, int]:
        """The usage that the server itself counts, for an answer of one token."""
        return self.post(path, max_tokens=1, temperature=0, **body)["usage"]
