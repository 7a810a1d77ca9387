"""`basis model`: the published catalog, and the operator's own models over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from basis.rules.catalog import PUBLISHED
from tests.cli.conftest import Command
from tests.support.artefacts import TINY_GGUF
from tests.support.orchestrators import orchestrator
from tests.support.scripted_worker import ScriptedWorker

DIGEST = "sha256:" + "ab" * 32
ADD = ("model", "add", "acme-7b", "--tokenizer", "shipped:basis-tiny.gguf")


def test_model_list__without_data__is_the_published_catalog(basis: Command, tmp_path: Path) -> None:
    listed = basis("model", "list", "--json").json

    assert listed["version"] == PUBLISHED.version
    assert [model["model"] for model in listed["models"]] == [
        model.name for model in PUBLISHED.models
    ]
    assert list(tmp_path.iterdir()) == []


def test_model_list__as_a_table__says_what_is_not_mapped(basis: Command) -> None:
    outcome = basis("model", "list")

    lines = {line.split()[0]: line for line in outcome.out.splitlines()}
    assert "not mapped" in lines["basis-default"]
    assert lines["basis-tiny"].endswith("yes")
    assert PUBLISHED.version in outcome.err


def test_model_show__unknown__exits_with_1_and_names_it(basis: Command) -> None:
    outcome = basis("model", "show", "nope")

    assert outcome.code in {1, 4}
    assert "'nope'" in outcome.err


def test_model_add__new_one__is_listed_under_another_version(
    basis: Command, tmp_path: Path
) -> None:
    outcome = basis(
        *ADD,
        *("--kind", "chat", "--kind", "embedding", "--context", "2048"),
        *("--multiplier-bps", "7000", "--latency-class", "small", "--digest", DIGEST),
        *("--min-memory-mib", "900"),
    )

    assert outcome.code == 0, outcome.err
    listed = basis("model", "list", "--json").json
    shown = basis("model", "show", "acme-7b", "--json").json
    assert listed["version"].startswith(PUBLISHED.version + "+")
    assert listed["models"][-1] == shown
    assert shown["model"] == "acme-7b"
    assert shown["kinds"] == ["chat", "embedding"]
    assert shown["context_tokens"] == 2_048
    assert shown["multiplier_bps"] == 7_000
    assert shown["digests"] == [DIGEST]
    assert shown["min_memory_mib"] == 900
    printed = basis("model", "show", "acme-7b").out
    assert "2048 tokens" in printed
    assert DIGEST in printed
    assert (tmp_path / "data" / "catalog.toml").is_file()


def test_model_add__published_name__keeps_what_is_not_given(basis: Command) -> None:
    before = basis("model", "show", "basis-default", "--json").json

    basis("model", "add", "basis-default", "--tokenizer", str(TINY_GGUF), "--digest", DIGEST)

    after = basis("model", "show", "basis-default", "--json").json
    assert (before.get("ready"), after.get("ready", True)) == (False, True)
    assert after["multiplier_bps"] == before["multiplier_bps"] == 10_000
    assert after["context_tokens"] == before["context_tokens"]


def test_model_add__again__replaces_the_row(basis: Command, tmp_path: Path) -> None:
    for context in ("1000", "2000"):
        basis(*ADD, "--context", context)

    assert basis("model", "show", "acme-7b", "--json").json["context_tokens"] == 2_000
    assert (tmp_path / "data" / "catalog.toml").read_text().count("[[model]]") == 1


def test_model_add__path_with_odd_characters__is_read_back_as_it_was(
    basis: Command, tmp_path: Path
) -> None:
    odd = tmp_path / 'a "quoted" \\ folder Ünï 模'
    odd.mkdir()
    (odd / "t.gguf").symlink_to(TINY_GGUF)
    (odd / "copy.gguf").write_bytes(TINY_GGUF.read_bytes())

    outcome = basis("model", "add", "acme-7b", "--tokenizer", str(odd / "copy.gguf"))

    assert outcome.code == 0, outcome.err
    assert str(odd / "copy.gguf") in basis("model", "show", "acme-7b").out


def test_model_add__without_digest__warns_that_any_artefact_counts(basis: Command) -> None:
    assert "any artefact" in basis(*ADD).err


@pytest.mark.parametrize(
    ("words", "code", "named"),
    [
        (("model", "add", "bad name", "--tokenizer", "shipped:basis-tiny.gguf"), 3, "bad name"),
        ((*ADD, "--kind", "poetry"), 3, "poetry"),
        ((*ADD, "--digest", "md5:123"), 3, "md5:123"),
        ((*ADD, "--digest", "sha256:" + "AB" * 32), 3, "sha256:AB"),
        ((*ADD, "--context", "0"), 3, "context"),
        ((*ADD, "--multiplier-bps", "-1"), 3, "-1"),
        ((*ADD, "--multiplier-bps", "1000001"), 3, "1000001"),
        ((*ADD, "--latency-class", "warp"), 3, "warp"),
        (("model", "add", "x", "--tokenizer", "missing.gguf"), 6, "missing.gguf"),
        (("model", "add", "x", "--tokenizer", "~nobody-here/x.gguf"), 3, "no such user"),
        (("model", "add", "x", "--tokenizer", "shipped:missing.gguf"), 6, "missing.gguf"),
    ],
)
def test_model_add__wrong_input__changes_nothing(
    basis: Command, tmp_path: Path, words: tuple[str, ...], code: int, named: str
) -> None:
    outcome = basis(*words)

    assert (outcome.code, outcome.out) == (code, "")
    assert named in outcome.err
    assert not (tmp_path / "data" / "catalog.toml").exists()


def test_model_add__tokenizer_that_is_none__is_refused(basis: Command, tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("not a tokenizer")

    outcome = basis("model", "add", "x", "--tokenizer", "readme.txt")

    assert outcome.code == 6
    assert "readme.txt" in outcome.err
    assert "Traceback" not in outcome.err


LONG_CONTEXT = (
    '[[model]]\nname = "x"\nkinds = ["chat"]\nmultiplier_bps = 1\nlatency_class = "tiny"\n'
    f'tokenizer = ""\ncontext_tokens = 0x{"9" * 5_000}\n'
)


@pytest.mark.parametrize(
    "text",
    [
        "[[model]\n",
        "[[model]]\nname = 1\n",
        '[[model]]\nname = "x"\n',
        'surprise = "x"\n',
        '[[model]]\nname = "x"\nkinds = ["chat"]\ncontext_tokens = 1\nmultiplier_bps = -1\n',
        f"[[model]]\nmultiplier_bps = {'9' * 5_000}\n",
        f"[[model]]\nmultiplier_bps = 0x{'9' * 5_000}\n",
        LONG_CONTEXT,
        f"[[model]]\nmultiplier_bps = {'[' * 5_000}\n",
        f"model.{'a.' * 5_000}a = 1\n",
    ],
    ids=range(10),
)
def test_catalog_file__unusable__is_named_and_kept(
    basis: Command, tmp_path: Path, text: str
) -> None:
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "catalog.toml"
    path.write_text(text)

    for words in (("model", "list"), ADD):
        outcome = basis(*words)
        assert outcome.code == 6
        assert "catalog.toml" in outcome.err
    assert path.read_text() == text


async def test_model_add__mapped_name__is_served_by_the_orchestrator(
    basis: Command, tmp_path: Path
) -> None:
    outcome = basis(
        *("model", "add", "basis-default", "--tokenizer", "shipped:basis-tiny.gguf"),
        *("--digest", DIGEST, "--context", "1024"),
    )
    assert outcome.code == 0, outcome.err

    async with orchestrator(tmp_path / "data") as (running, customer):
        wrong = ScriptedWorker(running.url, worker_id="wrong", models=("basis-default",))
        right = ScriptedWorker(
            running.url, worker_id="right", models=("basis-default",), digest=DIGEST
        )
        async with wrong:
            refused = wrong.refusal.code
            async with right, customer.chat(model="basis-default") as response:
                answer = await response.json()
        async with customer.get("/api/inference/receipts") as response:
            (receipt,) = (await response.json())["receipts"]

    assert refused == "no_models"
    assert answer["choices"][0]["message"]["content"] == "Hello there."
    assert receipt["core"]["modelMultiplierBps"] == 10_000
    assert receipt["details"]["versions"]["catalog"].startswith(PUBLISHED.version + "+")
