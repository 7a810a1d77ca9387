"""The Ollama adapter against each habit of the real server, over real inference."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import ollama
import pytest

from basis.wire.frames import FinishReason, JobKind, WorkerFault
from basis.worker.exits import ExitCode, WorkerStop
from basis.worker.models import ServedModel
from basis.worker.runtimes.base import Piece, RuntimeFailure, TextPiece
from basis.worker.runtimes.conformance import Subject, gather_answer
from basis.worker.runtimes.ollama import OllamaRuntime
from basis.worker.runtimes.ollama_double import OllamaDouble
from basis.worker.runtimes.ollama_double_shapes import Quirk
from conftest import TEXT, serve_tiny

LONG_PROMPT = "word " * 3_000


@pytest.fixture
async def double(tiny_gguf: Path) -> AsyncIterator[OllamaDouble]:
    """A running double that has the tiny model as `tiny`."""
    double = OllamaDouble({"tiny": tiny_gguf})
    await double.start()
    yield double
    await double.stop()


@pytest.fixture
async def subject(double: OllamaDouble) -> AsyncIterator[Subject]:
    """A started adapter to the double."""
    runtime = OllamaRuntime(serve_tiny("tiny"), url=double.url)
    await runtime.start()
    yield Subject(runtime=runtime, text_model="basis-tiny", embedding_model="basis-tiny-embed")
    await runtime.stop()


async def failure_of(subject: Subject, **fields: object) -> RuntimeFailure:
    with pytest.raises(RuntimeFailure) as raised:
        await gather_answer(subject.open_chat(**fields))
    return raised.value


async def pieces_of(subject: Subject, **fields: object) -> list[Piece]:
    return [piece async for piece in subject.open_chat(**fields)]


async def test_stream__error_line_under_http_200__fails_the_job(
    double: OllamaDouble, subject: Subject
) -> None:
    double.quirks.add(Quirk.ERROR_MID_STREAM)
    failure = await failure_of(subject)
    assert failure.reason is WorkerFault.RUNTIME_ERROR
    assert "an error was encountered" in str(failure)


async def test_stream__ends_without_done__is_truncated_and_no_stop_is_made_up(
    double: OllamaDouble, subject: Subject
) -> None:
    double.quirks.add(Quirk.ENDS_WITHOUT_DONE)
    assert (await failure_of(subject)).reason is WorkerFault.RUNTIME_TRUNCATED


async def test_stream__no_metrics__finishes_with_counts_of_zero(
    double: OllamaDouble, subject: Subject
) -> None:
    double.quirks.add(Quirk.OMITS_METRICS)
    finish = (await gather_answer(subject.open_chat())).finish
    assert (finish.prompt_tokens, finish.output_tokens) == (0, 0)


async def test_stream__lines_split_across_reads__give_the_same_text(
    double: OllamaDouble, subject: Subject
) -> None:
    whole = (await gather_answer(subject.open_chat())).text
    double.quirks.add(Quirk.SPLITS_LINES)
    assert (await gather_answer(subject.open_chat())).text == whole


async def test_stream__thinking__comes_as_reasoning(double: OllamaDouble, subject: Subject) -> None:
    double.quirks.add(Quirk.THINKS)
    first = (await pieces_of(subject))[0]
    assert isinstance(first, TextPiece)
    assert (first.reasoning, first.text) == ("a thought", "")


async def test_stream__tool_call__comes_in_openais_shape_and_ends_as_one(
    double: OllamaDouble, subject: Subject
) -> None:
    double.quirks.add(Quirk.CALLS_TOOL)
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    pieces = [
        piece
        for piece in await pieces_of(subject, tools=[tool], max_tokens=200)
        if isinstance(piece, TextPiece) and piece.tool_calls
    ]
    (call,) = pieces[0].tool_calls
    assert call.type == "function"
    assert (call.function.name, call.function.arguments) == ("weather", '{"place":"Bern"}')
    assert call.id == "call-lease-conformance-0"
    answer = await gather_answer(subject.open_chat(tools=[tool], stop=[" a"]))
    assert answer.finish.finish_reason is FinishReason.TOOL_CALLS
    assert double.requests[-1]["tools"] == [tool]


async def test_busy__http_503__is_an_error_that_another_worker_may_repair(
    double: OllamaDouble, subject: Subject
) -> None:
    double.quirks.add(Quirk.BUSY)
    failure = await failure_of(subject)
    assert failure.reason is WorkerFault.RUNTIME_ERROR
    assert "server busy" in str(failure)


async def test_memory__model_does_not_fit__is_named(double: OllamaDouble, subject: Subject) -> None:
    double.quirks.add(Quirk.OUT_OF_MEMORY)
    assert (await failure_of(subject)).reason is WorkerFault.OUT_OF_MEMORY


async def test_prompt__longer_than_the_context__is_refused_and_not_cut(
    double: OllamaDouble, subject: Subject
) -> None:
    failure = await failure_of(subject, messages=[{"role": "user", "content": LONG_PROMPT}])
    assert failure.reason is WorkerFault.CONTEXT_EXCEEDED
    assert (double.requests[-1]["truncate"], double.requests[-1]["shift"]) == (False, False)


async def test_context__any_jobs__never_reloads_the_model(
    double: OllamaDouble, subject: Subject
) -> None:
    for tokens in (1, 5):
        await gather_answer(subject.open_chat(max_tokens=tokens))
    await gather_answer(subject.open(JobKind.EMBEDDING, subject.embedding_model, input=["a lamp"]))
    contexts = {request["options"]["num_ctx"] for request in double.requests}
    assert (contexts, double.engine.loads) == ({1_024}, 1)


async def test_seed__stands_inside_the_options(double: OllamaDouble, subject: Subject) -> None:
    await gather_answer(subject.open_chat(seed=7))
    request = double.requests[-1]
    assert "seed" not in request
    assert request["options"]["seed"] == 7


async def test_sampling__not_asked_for__is_openais_and_not_ollamas(
    double: OllamaDouble, subject: Subject
) -> None:
    asked = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 1}
    await gather_answer(subject.open(JobKind.CHAT, "basis-tiny", **asked))
    options = double.requests[-1]["options"]
    names = ("temperature", "top_p", "top_k", "min_p", "repeat_penalty")
    assert [options[name] for name in names] == [1.0, 1.0, 0, 0.0, 1.0]


async def test_logprobs__chat_and_completion__have_openais_shapes(subject: Subject) -> None:
    chat = [
        msgspec.json.decode(piece.logprobs)
        for piece in await pieces_of(subject, logprobs=True, top_logprobs=2)
        if isinstance(piece, TextPiece) and piece.logprobs is not None
    ]
    entry = chat[0]["content"][0]
    assert set(entry) == {"token", "logprob", "bytes", "top_logprobs"}
    assert len(entry["top_logprobs"]) == 2
    pieces = [
        piece
        async for piece in subject.open(
            JobKind.COMPLETION, "basis-tiny", prompt="Once", max_tokens=3, logprobs=1
        )
    ]
    shapes = [
        (piece.text, msgspec.json.decode(piece.logprobs))
        for piece in pieces
        if isinstance(piece, TextPiece) and piece.logprobs is not None
    ]
    offset = 0
    for text, shape in shapes:
        assert shape["tokens"] == [text]
        assert shape["text_offset"] == [offset]
        assert len(shape["top_logprobs"][0]) == 1
        offset += len(text)


async def test_digest__is_the_manifests_and_read_anew(
    double: OllamaDouble, subject: Subject
) -> None:
    digest = double.engine.digests["tiny:latest"]
    facts = await subject.runtime.facts()
    assert {offer.digest for offer in facts.offers} == {f"ollama:{digest}"}
    double.engine.digests["tiny:latest"] = "f" * 64
    assert (await subject.runtime.facts()).offers[0].digest == "ollama:" + "f" * 64


async def test_cloud_model__is_refused_since_the_work_is_done_elsewhere(
    double: OllamaDouble,
) -> None:
    double.quirks.add(Quirk.CLOUD_MODELS)
    runtime = OllamaRuntime(serve_tiny("tiny"), url=double.url)
    with pytest.raises(WorkerStop, match="cloud model") as raised:
        await runtime.start()
    await runtime.stop()
    assert raised.value.exit_code is ExitCode.NO_MODEL


async def test_start__unknown_model__says_what_there_is(double: OllamaDouble) -> None:
    served = [ServedModel(model="basis-default", local="llama3.2:3b", kinds=TEXT)]
    runtime = OllamaRuntime(served, url=double.url)
    with pytest.raises(WorkerStop, match=r"it has tiny:latest.*ollama pull") as raised:
        await runtime.start()
    await runtime.stop()
    assert raised.value.exit_code is ExitCode.NO_MODEL


async def test_start__nobody_listens__says_how_to_start_it(double: OllamaDouble) -> None:
    url = double.url
    await double.stop()
    runtime = OllamaRuntime(serve_tiny("tiny"), url=url)
    with pytest.raises(WorkerStop, match="ollama serve") as raised:
        await runtime.start()
    await runtime.stop()
    assert raised.value.exit_code is ExitCode.NO_RUNTIME


async def test_run__server_gone_after_the_start__is_unreachable(
    double: OllamaDouble, subject: Subject
) -> None:
    await double.stop()
    assert (await failure_of(subject)).reason is WorkerFault.RUNTIME_UNREACHABLE


async def test_double__official_client__is_served(double: OllamaDouble) -> None:
    """The double is worth what the real server's own client makes of it."""
    client = ollama.AsyncClient(host=double.url)
    (model,) = (await client.list()).models
    assert model.digest == double.engine.digests["tiny:latest"]
    options = {"temperature": 0, "num_predict": 5, "num_ctx": 512}
    messages = [{"role": "user", "content": "hello"}]
    stream = await client.chat("tiny", messages, stream=True, options=options, logprobs=True)
    parts = [part async for part in stream]
    assert (parts[-1].done, parts[-1].done_reason, parts[-1].eval_count) == (True, "length", 5)
    assert all(part.logprobs for part in parts[:-1])
    whole = await client.chat("tiny", messages, options=options)
    assert whole.message.content == "".join(part.message.content or "" for part in parts)
    generated = await client.generate("tiny", "Once upon", raw=True, options=options)
    assert generated.response
    vectors = (await client.embed("tiny", ["a", "b c"])).embeddings
    assert [len(vector) for vector in vectors] == [128, 128]
    assert (await client.ps()).models[0].context_length == 512
    assert (await client.show("tiny")).modelinfo["llama.context_length"] == 1_024
    assert (await client.generate("tiny", keep_alive=0)).done_reason == "unload"
    assert (await client.ps()).models == []


async def test_double__official_client__meets_the_real_errors(double: OllamaDouble) -> None:
    client = ollama.AsyncClient(host=double.url)
    with pytest.raises(ollama.ResponseError, match="model 'nope' not found"):
        await client.chat("nope", [{"role": "user", "content": "x"}])
    double.quirks.add(Quirk.ERROR_MID_STREAM)
    stream = await client.chat("tiny", [{"role": "user", "content": "hello"}], stream=True)
    with pytest.raises(ollama.ResponseError, match="an error was encountered"):
        [part async for part in stream]


async def test_double__prompt_too_long__is_cut_silently_unless_forbidden(
    double: OllamaDouble,
) -> None:
    client = ollama.AsyncClient(host=double.url)
    answer = await client.generate(
        "tiny", LONG_PROMPT, raw=True, options={"num_predict": 1, "num_ctx": 256}
    )
    assert answer.done_reason in {"length", "stop"}
    assert (answer.prompt_eval_count or 0) < 256


async def test_double__other_context__loads_the_model_anew(double: OllamaDouble) -> None:
    client = ollama.AsyncClient(host=double.url)
    for num_ctx in (256, 256, 512):
        await client.generate("tiny", "x", options={"num_predict": 1, "num_ctx": num_ctx})
    assert double.engine.loads == 2


async def test_double__foreign_origin__is_forbidden(double: OllamaDouble) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(double.url, headers={"Origin": "https://example.org"}) as answer,
    ):
        assert (answer.status, await answer.read()) == (403, b"")
