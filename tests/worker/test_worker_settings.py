"""What is typed, and how it is held against the catalog."""

from __future__ import annotations

from pathlib import Path

import pytest
from orchestrator_double import CATALOG

from basis.wire.frames import ModelOffer
from basis.wire.registration import RuntimeName
from basis.worker.exits import ExitCode, WorkerStop, describe_exit_codes
from basis.worker.models import default_choices, select_models, validate_digests
from basis.worker.settings import (
    ModelChoice,
    WorkerSettings,
    is_exposed,
    parse_models,
    parse_url,
    read_wallet,
)


def test_models__names_mappings_and_lists__are_read_in_order() -> None:
    chosen = parse_models(["basis-tiny", "a=llama3.2:3b, b=/x/y=z.gguf,"])
    assert chosen == (
        ModelChoice(model="basis-tiny"),
        ModelChoice(model="a", local="llama3.2:3b"),
        ModelChoice(model="b", local="/x/y=z.gguf"),
    )


@pytest.mark.parametrize("text", ["=x", "a=x,a=y"])
def test_models__nameless_or_mapped_twice__is_wrong_usage(text: str) -> None:
    with pytest.raises(WorkerStop) as raised:
        parse_models([text])
    assert raised.value.exit_code is ExitCode.USAGE


def test_url__slash_at_its_end__is_dropped() -> None:
    assert parse_url(" https://example.org/ ", option="--orchestrator") == "https://example.org"


@pytest.mark.parametrize("text", ["", "example.org", "ws://example.org", "http://"])
def test_url__no_http_address__is_wrong_usage(text: str) -> None:
    with pytest.raises(WorkerStop, match="--orchestrator"):
        parse_url(text, option="--orchestrator")


@pytest.mark.parametrize(
    ("url", "exposed"),
    [
        ("http://127.0.0.1:1", False),
        ("http://localhost", False),
        ("https://example.org", False),
        ("http://example.org", True),
    ],
)
def test_exposed__only_plain_http_to_elsewhere(url: str, exposed: bool) -> None:
    assert is_exposed(url) is exposed


def test_wallet__mistyped__has_its_exit_code() -> None:
    with pytest.raises(WorkerStop) as raised:
        read_wallet("0x1234")
    assert raised.value.exit_code is ExitCode.BAD_WALLET


def test_settings__printed__hide_the_runtime_key() -> None:
    settings = WorkerSettings(
        orchestrator="http://o", worker_id="w", runtime_key="sk-secret", state_folder=Path("x")
    )
    assert "sk-secret" not in repr(settings)


def test_exit_codes__each__is_described() -> None:
    assert len(describe_exit_codes().splitlines()) == len(ExitCode)


def test_select__defaults_of_llamacpp__are_the_shipped_models() -> None:
    served = select_models(
        default_choices(RuntimeName.LLAMACPP), catalog=CATALOG, runtime=RuntimeName.LLAMACPP
    )
    assert [model.model for model in served] == ["basis-tiny", "basis-tiny-embed"]
    assert [model.context_tokens for model in served] == [1_024, 1_024]


def test_select__context_cap__lowers_and_never_raises() -> None:
    choices = [ModelChoice(model="basis-tiny")]
    low, high = (
        select_models(choices, catalog=CATALOG, runtime=RuntimeName.LLAMACPP, context_cap=cap)[
            0
        ].context_tokens
        for cap in (256, 65_536)
    )
    assert (low, high) == (256, 1_024)


@pytest.mark.parametrize(
    ("runtime", "model", "words"),
    [
        (RuntimeName.LLAMACPP, "basis-huge", "the catalog has no model 'basis-huge'"),
        (RuntimeName.ECHO, "basis-tiny", "echo is a simulator"),
        (RuntimeName.LLAMACPP, "basis-echo", "only by echo"),
    ],
)
def test_select__model_that_may_not_be_served__names_it(
    runtime: RuntimeName, model: str, words: str
) -> None:
    with pytest.raises(WorkerStop, match=words) as raised:
        select_models([ModelChoice(model=model)], catalog=CATALOG, runtime=runtime)
    assert raised.value.exit_code is ExitCode.NO_MODEL


def test_select__nothing_chosen__lists_the_catalog() -> None:
    with pytest.raises(WorkerStop, match="basis-echo, basis-tiny"):
        select_models([], catalog=CATALOG, runtime=RuntimeName.OLLAMA)


def test_digest__not_accepted__is_refused_with_both_digests() -> None:
    served = select_models(
        [ModelChoice(model="basis-tiny")], catalog=CATALOG, runtime=RuntimeName.LLAMACPP
    )
    strict = [type(served[0])(model="basis-tiny", local="", kinds=("chat",), digests=("sha256:a",))]
    validate_digests([ModelOffer(model="basis-tiny", digest="sha256:a")], strict)
    validate_digests([ModelOffer(model="basis-tiny", digest="")], strict)
    with pytest.raises(WorkerStop, match=r"sha256:b.*sha256:a") as raised:
        validate_digests([ModelOffer(model="basis-tiny", digest="sha256:b")], strict)
    assert raised.value.exit_code is ExitCode.WRONG_DIGEST
