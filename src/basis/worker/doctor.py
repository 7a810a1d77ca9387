"""`basis worker doctor`: looks at everything that a worker needs, and says what to fix.

It registers nothing and keeps nothing but digests of files.
"""

from __future__ import annotations

import enum
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import aiohttp
import msgspec
from rich.console import Console
from rich.markup import escape

from basis.wire.frames import JobKind
from basis.wire.registration import CatalogResponse, RuntimeName
from basis.worker.exits import ExitCode, WorkerStop
from basis.worker.hardware import describe_hardware, load_hardware
from basis.worker.models import ServedModel, default_choices, select_models, validate_digests
from basis.worker.orchestrator import Orchestrator, Refusal, Unreachable
from basis.worker.runtimes.base import Runtime
from basis.worker.runtimes.conformance import CHECKS, ConformanceFailure, Subject, run_check
from basis.worker.runtimes.detect import detect_runtime, make_runtime
from basis.worker.settings import WorkerSettings, is_exposed, read_wallet

_MAX_CLOCK_SKEW_S = 30
"""Farther off than this, a token or a deadline may be misjudged."""


class Grade(enum.StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


_STYLES = {Grade.OK: "green", Grade.WARN: "yellow", Grade.FAIL: "red"}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One check's outcome; `exit_code` is 0 unless it failed."""

    check: str
    grade: Grade
    detail: str
    exit_code: int = 0


async def examine(settings: WorkerSettings, *, wallet: str, conformance: bool) -> list[Finding]:
    """Every finding, in the order in which a worker would meet them."""
    findings = [_examine_hardware()]
    if wallet:
        findings.append(_examine_wallet(wallet))
    async with aiohttp.ClientSession(trust_env=True) as session:
        orchestrator = Orchestrator(session, settings.orchestrator)
        catalog = await _examine_orchestrator(orchestrator, findings)
    name = await _examine_choice(settings, findings)
    if name is not None and catalog is not None:
        async with aclosing(_examine_models(settings, name, catalog, conformance)) as more:
            findings += [finding async for finding in more]
    return findings


def find_exit_code(findings: Sequence[Finding]) -> ExitCode:
    """The code of the first fault, or 0."""
    return next((ExitCode(found.exit_code) for found in findings if found.exit_code), ExitCode.OK)


def print_findings(findings: Sequence[Finding], *, as_json: bool) -> None:
    """Prints to stdout: one line each, or one JSON object."""
    if as_json:
        exit_code = find_exit_code(findings)
        body = {"ok": exit_code is ExitCode.OK, "exit_code": exit_code, "findings": findings}
        sys.stdout.write(msgspec.json.encode(body).decode() + "\n")
        return
    console = Console(soft_wrap=True, highlight=False)
    for finding in findings:
        style = _STYLES[finding.grade]
        grade = f"[{style}]{finding.grade.value:<4}[/]"
        console.print(f"{grade}  {finding.check:<24}  {escape(finding.detail)}")


def _examine_hardware() -> Finding:
    return Finding(check="hardware", grade=Grade.OK, detail=describe_hardware(load_hardware()))


def _examine_wallet(text: str) -> Finding:
    try:
        return Finding(check="wallet", grade=Grade.OK, detail=read_wallet(text))
    except WorkerStop as stop:
        return _fault("wallet", stop)


async def _examine_orchestrator(
    orchestrator: Orchestrator, findings: list[Finding]
) -> CatalogResponse | None:
    try:
        before_s = time.time()
        server_s = await orchestrator.load_time_s()
        catalog = await orchestrator.load_catalog()
    except Unreachable as error:
        detail = f"{error}; check --orchestrator, and that it runs"
        findings.append(_failed("orchestrator", ExitCode.UNREACHABLE, detail))
        return None
    except (WorkerStop, Refusal) as error:
        findings.append(_failed("orchestrator", ExitCode.PROTOCOL, str(error)))
        return None
    exposed = is_exposed(orchestrator.url)
    findings.append(
        Finding(
            check="orchestrator",
            grade=Grade.WARN if exposed else Grade.OK,
            detail=f"catalog {catalog.version}, {len(catalog.models)} models"
            + ("; the token would cross the network unencrypted: use https" if exposed else ""),
        )
    )
    if server_s is not None:
        findings.append(_examine_clock(ours_s=before_s, server_s=server_s))
    return catalog


def _examine_clock(*, ours_s: float, server_s: float) -> Finding:
    skew_s = abs(ours_s - server_s)
    if skew_s <= _MAX_CLOCK_SKEW_S:
        return Finding(check="clock", grade=Grade.OK, detail="agrees with the orchestrator's")
    return Finding(
        check="clock",
        grade=Grade.WARN,
        detail=f"{skew_s:.0f} s off the orchestrator's; turn on time synchronisation (NTP)",
    )


async def _examine_choice(settings: WorkerSettings, findings: list[Finding]) -> RuntimeName | None:
    try:
        name = await detect_runtime(settings)
    except WorkerStop as stop:
        findings.append(_fault("runtime", stop))
        return None
    findings.append(Finding(check="runtime", grade=Grade.OK, detail=name.value))
    return name


async def _examine_models(
    settings: WorkerSettings, name: RuntimeName, catalog: CatalogResponse, conformance: bool
) -> AsyncGenerator[Finding, None]:
    try:
        served = select_models(
            settings.models or default_choices(name),
            catalog=catalog,
            runtime=name,
            context_cap=settings.context_tokens,
        )
        runtime = make_runtime(name, served, settings)
    except WorkerStop as stop:
        yield _fault("models", stop)
        return
    try:
        await runtime.start()
        async for finding in _examine_started(runtime, served, catalog):
            yield finding
        if conformance:
            async for finding in _examine_conformance(runtime, served, settings.slots):
                yield finding
    except WorkerStop as stop:
        yield _fault("models", stop)
    finally:
        await runtime.stop()


async def _examine_started(
    runtime: Runtime, served: Sequence[ServedModel], catalog: CatalogResponse
) -> AsyncGenerator[Finding, None]:
    facts = await runtime.facts()
    ready = {entry.model: entry.ready for entry in catalog.models}
    for offer in facts.offers:
        try:
            validate_digests([offer], served)
        except WorkerStop as stop:
            yield _fault(f"model {offer.model}", stop)
            continue
        digest = offer.digest or "digest unknown to the runtime"
        note = "" if ready[offer.model] else "; the operator has not made this model ready"
        yield Finding(
            check=f"model {offer.model}",
            grade=Grade.WARN if note else Grade.OK,
            detail=f"{offer.context_tokens} tokens of context, {digest}{note}",
        )


async def _examine_conformance(
    runtime: Runtime, served: Sequence[ServedModel], slots: int
) -> AsyncGenerator[Finding, None]:
    subject = Subject(
        runtime=runtime,
        text_model=_first_of(JobKind.CHAT, served),
        embedding_model=_first_of(JobKind.EMBEDDING, served),
        slots=slots,
    )
    for check in CHECKS:
        if not check.applies_to(subject):
            continue
        try:
            await run_check(check, subject)
        except ConformanceFailure as failure:
            yield _failed(check.name, ExitCode.NO_RUNTIME, str(failure))
        else:
            yield Finding(check=check.name, grade=Grade.OK, detail="kept")


def _first_of(kind: JobKind, served: Sequence[ServedModel]) -> str:
    return next((model.model for model in served if kind in model.kinds), "")


def _fault(check: str, stop: WorkerStop) -> Finding:
    return _failed(check, stop.exit_code, stop.message)


def _failed(check: str, code: ExitCode, detail: str) -> Finding:
    return Finding(check=check, grade=Grade.FAIL, detail=detail, exit_code=code)
