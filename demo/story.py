"""The acts of the demo, in order."""

from __future__ import annotations

import hashlib
import json
import shutil
import statistics
import time
from collections import Counter
from importlib import resources
from pathlib import Path
from typing import Any, cast
from urllib.request import urlopen

from rich.console import Console
from rich.table import Table

from basis.rules.units import BASIS, format_amount
from demo.checks import (
    Check,
    Receipts,
    check_answers,
    check_receipts,
    check_settlement,
    job_key,
)
from demo.customers import Answer
from demo.money import CREDITS, check_money
from demo.processes import (
    DemoFailed,
    Processes,
    run_basis,
    start_ollama_double,
    start_orchestrator,
    start_worker,
    wait_for_workers,
)
from demo.serving import Serving

_CUSTOMER = "demo"
_SLOTS = 4
_WORKERS = 3


class Story:
    """Tells the demo on `console`; everything it makes lies in `folder`."""

    def __init__(self, folder: Path, console: Console) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._console = console

    def tell(self) -> bool:
        """Whether every check held."""
        started = time.monotonic()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        processes = Processes(self._folder)
        exit_codes: dict[str, int] = {}
        try:
            serving = self._raise_network(processes)
            answers = serving.run()
            receipts = _fetch_receipts(serving.url)
            first = cast("dict[str, Any]", self._basis("batch", "close"))
            second = cast("dict[str, Any]", self._basis("batch", "close"))
            verdict = cast("dict[str, Any]", self._basis("recompute"))
            account = cast("dict[str, Any]", self._basis("account", "show", _CUSTOMER))
            totals = cast("list[dict[str, Any]]", self._basis("ledger", "accounts"))
        finally:
            exit_codes = processes.stop_all()
        self._show_requests(answers)
        self._show_rewards(receipts)
        self._show_batch(first)
        checks = [
            *check_answers(answers, killed_slots=_SLOTS * serving.kills),
            *check_receipts(answers, receipts, victim=serving.victim),
            Check(
                claim="whoever was asked to stop drained and ended well",
                holds=bool(exit_codes) and not any(exit_codes.values()),
                detail=", ".join(f"{name} {code}" for name, code in exit_codes.items()),
            ),
            *check_money(account, totals, receipts),
            *check_settlement(first, second, receipts, verdict),
        ]
        return self._conclude(checks, seconds=time.monotonic() - started)

    def _basis(self, *arguments: str) -> object:
        return run_basis(*arguments, "--data", str(self._data))

    def _raise_network(self, processes: Processes) -> Serving:
        say = self._console.print
        gguf = Path(str(resources.files("basis") / "artefacts" / "basis-tiny.gguf"))
        ollama, manifest_digest = start_ollama_double(processes, gguf)
        for model in ("basis-tiny", "basis-tiny-embed"):
            # Ollama names an artefact by its own manifest, so the operator accepts that too.
            self._basis(
                *("model", "add", model, "--tokenizer", "shipped:basis-tiny.gguf"),
                *("--digest", f"sha256:{hashlib.sha256(gguf.read_bytes()).hexdigest()}"),
                *("--digest", f"ollama:{manifest_digest}"),
            )
        url = start_orchestrator(processes, self._data)
        say(f"orchestrator   {url}  (real HTTP, durable SQLite)")
        made = self._basis(
            *("key", "create", "--name", "demo", "--user", _CUSTOMER, "--credits", str(CREDITS))
        )
        key = cast("dict[str, str]", made)["key"]
        models = "basis-tiny,basis-tiny-embed"
        tagged = "basis-tiny=tiny:latest,basis-tiny-embed=tiny:latest"
        slots = ("--slots", str(_SLOTS))
        embedded = ("--runtime", "llamacpp", "--models", models, *slots)
        start_worker(processes, 1, url, *embedded)
        victim = start_worker(processes, 2, url, *embedded)
        over_ollama = ("--runtime", "ollama", "--runtime-url", ollama, "--models", tagged)
        start_worker(processes, 3, url, *over_ollama, *slots)
        wait_for_workers(processes, url, _WORKERS)
        say("workers        2 with embedded llama.cpp, 1 over an Ollama double on llama.cpp")

        def revive() -> None:
            start_worker(processes, 2, url, *embedded)
            wait_for_workers(processes, url, _WORKERS)

        return Serving(processes, self._console, url=url, key=key, victim=victim, revive=revive)

    def _show_requests(self, answers: list[Answer]) -> None:
        table = Table("outcome", "requests", "prompt tokens", "output tokens", title="Requests")
        for outcome, count in Counter(answer.outcome for answer in answers).most_common():
            those = [answer for answer in answers if answer.outcome is outcome]
            table.add_row(
                outcome.value,
                str(count),
                str(sum(answer.prompt_tokens for answer in those)),
                str(sum(answer.output_tokens for answer in those)),
            )
        self._console.print(table)
        firsts = [answer.first_token_s for answer in answers if answer.first_token_s is not None]
        gaps = [gap for answer in answers for gap in answer.gaps_s]
        self._console.print(
            f"first token    median {_ms(firsts, 50)}, 95 % within {_ms(firsts, 95)}\n"
            f"between tokens median {_ms(gaps, 50)}, 95 % within {_ms(gaps, 95)}"
        )

    def _show_rewards(self, receipts: Receipts) -> None:
        table = Table(
            *("worker", "jobs", "charged", "- fee", "= pool", "x q*u*l", "= reward"),
            title=f"{len(receipts)} receipts: what each worker earned",
        )
        workers = sorted({receipt["core"]["workerId"] for receipt in receipts.values()} - {""})
        for worker in workers:
            table.add_row(*_reward_row(worker, list(receipts.values())))
        self._console.print(table)

    def _show_batch(self, batch: dict[str, Any]) -> None:
        total = format_amount(int(batch["totalRaw"]), BASIS)
        self._console.print(
            f"batch          {batch['hash']}\n"
            f"               {batch['receiptCount']} receipts, {total}, dry-run: nothing is sent"
        )
        for payout in batch["payouts"]:
            amount = format_amount(int(payout["amountRaw"]), BASIS)
            self._console.print(f"  pays         {payout['wallet']}  {amount}")

    def _conclude(self, checks: list[Check], *, seconds: float) -> bool:
        table = Table("check", "", "figures", title="Checks")
        for check in checks:
            mark = "[green]holds[/green]" if check.holds else "[red]FAILS[/red]"
            table.add_row(check.claim, mark, check.detail)
        self._console.print(table)
        holds = all(check.holds for check in checks)
        word = "[green]every check held[/green]" if holds else "[red]a check failed[/red]"
        self._console.print(f"{word}, after {seconds:.0f} s; what was made lies in {self._folder}/")
        return holds


def _fetch_receipts(url: str) -> Receipts:
    receipts: Receipts = {}
    before = ""
    while True:
        with urlopen(f"{url}/api/inference/receipts?limit=500{before}") as answer:  # noqa: S310 - our own loopback URL
            page = json.load(answer)
        for receipt in page["receipts"]:
            if job_key(receipt["core"]["jobId"]) in receipts:
                raise DemoFailed(f"the job {receipt['core']['jobId']} has two receipts")
            receipts[job_key(receipt["core"]["jobId"])] = receipt
        if page["before"] is None:
            return receipts
        before = f"&before={page['before']}"


def _reward_row(worker: str, receipts: list[dict[str, Any]]) -> list[str]:
    own = [receipt for receipt in receipts if receipt["core"]["workerId"] == worker]
    paid = [receipt for receipt in own if receipt["core"]["workerRewardRaw"] != "0"]

    def total(part: str) -> str:
        raw = sum(int(receipt["details"]["breakdown"][part]) for receipt in own)
        return format_amount(raw, BASIS).removesuffix(" BASIS")

    factors = sorted(
        {
            "*".join(
                str(receipt["core"][name]) for name in ("qualityBps", "uptimeBps", "latencyBps")
            )
            for receipt in paid
        }
    )
    shown = factors[0] if len(factors) == 1 else f"{factors[0]} .. {factors[-1]}"
    return [
        worker,
        str(len(own)),
        total("chargeRaw"),
        total("feeRaw"),
        total("poolRaw"),
        shown if factors else "",
        total("rewardRaw"),
    ]


def _ms(seconds: list[float], percent: int) -> str:
    if len(seconds) < 2:
        return "-"
    return f"{statistics.quantiles(seconds, n=100)[percent - 1] * 1_000:.1f} ms"
