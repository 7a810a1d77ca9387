"""`/v1/embeddings`."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence

import msgspec
from aiohttp import web

from basis.gateway.acceptance import accept_job, find_model
from basis.gateway.bodies import read_json
from basis.gateway.context import CONTEXT, GatewayContext
from basis.gateway.job_run import JobRun
from basis.gateway.keys import Customer
from basis.gateway.price_choice import PRICE_HEADER
from basis.gateway.prompts import count_inputs
from basis.gateway.requests import decode_embedding, embedding_inputs
from basis.gateway.sinks import Collector
from basis.gateway.unpaid_requests import Watched
from basis.gateway.wishes import Wish, read_wish
from basis.rules.catalog import ModelKind
from basis.rules.units import TokenCount
from basis.wire.frames import JobKind, Vector

_LARGEST_FLOAT32 = 3.4028234663852886e38
"""Above it a value cannot be packed. Source: IEEE 754, (2 - 2**-23) * 2**127."""


async def post_embeddings(request: web.Request) -> web.StreamResponse:
    """`POST /v1/embeddings`."""
    context = request.app[CONTEXT]
    customer = await context.keys.authenticate(request)
    unpaid = context.unpaid_requests
    with context.keys.job_slot(customer), unpaid.watch(request, customer) as watched:
        wish = read_wish(request, context, customer)
        return await _embed(request, context, customer, wish, watched)


async def _embed(
    request: web.Request,
    context: GatewayContext,
    customer: Customer,
    wish: Wish,
    watched: Watched,
) -> web.StreamResponse:
    asked = await read_json(request, decode_embedding)
    texts = embedding_inputs(asked)
    model, meter = find_model(context, customer, asked.model, ModelKind.EMBEDDING)
    rate = context.rates.reserve(customer)
    prompt_tokens = await count_inputs(texts, model, meter)
    job = accept_job(
        context,
        customer=customer,
        model=model,
        meter=meter,
        kind=JobKind.EMBEDDING,
        request=msgspec.json.encode({"model": model.name, "input": texts}),
        prompt_tokens=prompt_tokens,
        max_tokens=TokenCount(0),
        wish=wish,
        rate=rate,
    )
    collector = _VectorCollector(len(texts))
    outcome = await JobRun(context, job, collector, watched.become_job).run()
    is_base64 = asked.encoding_format == "base64"
    answer = {
        "object": "list",
        "model": model.name,
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": _as_base64(vector) if is_base64 else vector,
            }
            for index, vector in enumerate(collector.in_order())
        ],
        "usage": {"prompt_tokens": outcome.prompt_tokens, "total_tokens": outcome.prompt_tokens},
    }
    return web.Response(
        body=msgspec.json.encode(answer),
        content_type="application/json",
        headers={
            "X-Basis-Receipt": outcome.receipt_hash,
            "X-Request-Id": job.job_id,
            PRICE_HEADER: job.lock.header,
        },
    )


class _VectorCollector(Collector):
    """Keeps a vector per input, and knows when one is missing."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count
        self._has_unasked = False

    def add_vector(self, frame: Vector) -> None:
        """Keeps one vector per input; any other is a flaw, and takes no memory."""
        if frame.index < self._count and frame.index not in self.vectors:
            self.vectors[frame.index] = frame.values
        else:
            self._has_unasked = True

    def restart(self) -> None:
        """Forgets everything."""
        super().restart()
        self._has_unasked = False

    def find_flaw(self) -> str:
        """Vectors that are missing, too many, of different lengths or not 32-bit floats."""
        vectors = self.in_order()
        lengths = {len(vector) for vector in vectors}
        if len(lengths) != 1 or 0 in lengths or self._has_unasked:
            return f"expected {self._count} vectors of one length, got lengths {sorted(lengths)}"
        if any(abs(value) > _LARGEST_FLOAT32 for vector in vectors for value in vector):
            return "a value is no 32-bit float"
        return ""

    def in_order(self) -> list[list[float]]:
        """The vectors in the order of the inputs; an empty one where none came."""
        return [self.vectors.get(index, []) for index in range(self._count)]


def _as_base64(vector: Sequence[float]) -> str:
    """32-bit little-endian floats, as OpenAI's clients ask for by default."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")
