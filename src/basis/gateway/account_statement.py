"""`GET /api/account/statement`: a customer's credits with every entry, what they opened and closed
with; for keys without a parent, since it is the whole account's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec
from aiohttp import web

from basis.accounting.statement import (
    Period,
    Statement,
    StatementLine,
    StatementSum,
    parse_period,
)
from basis.gateway.account_usage import read_form
from basis.gateway.bodies import refuse_unknown_query
from basis.gateway.context import CONTEXT, GatewayContext
from basis.gateway.streamed_rows import csv_lines, stream_parts
from basis.rules.entries import customer_account
from basis.rules.errors import Forbidden
from basis.rules.ledger import AccountPath
from basis.rules.units import CREDIT
from basis.storage.ledger_reading import LINES_PAGE, AccountLine, load_lines

_COLUMNS = ("entry", "time", "kind", "cause", "microcredits", "balance_microcredits")


async def get_statement(request: web.Request) -> web.StreamResponse:
    """`GET /api/account/statement?from=&to=&format=json|csv`; `to` is the first moment left out."""
    context = request.app[CONTEXT]
    customer = await context.keys.authenticate(request)
    refuse_unknown_query(request, "from", "to", "format")
    if customer.parent_id is not None:
        raise Forbidden("a statement is of the whole account: ask with a key that is no sub-key")
    form = read_form(request)
    period = parse_period(begin=request.query.get("from", ""), end=request.query.get("to", ""))
    with context.keys.job_slot(customer):
        statement = await _sum_up(context, customer.user_id, period)
        parts = _parts(context, statement, period, form=form)
        return await stream_parts(request, parts, form=form)


async def _sum_up(context: GatewayContext, user_id: str, period: Period) -> Statement:
    """The sums, by short reads of a page each: a long account keeps no thread and no read open that
    others wait for. Entries are only ever added behind the last one."""
    account = customer_account(user_id)
    total, after_seq = StatementSum(account, CREDIT.symbol, period), 0
    while True:
        lines = await _load_page(context, account, CREDIT.symbol, after_seq=after_seq)
        for line in lines:
            total.add(line)
        if len(lines) < LINES_PAGE:
            return total.statement()
        after_seq = lines[-1].seq


async def _load_page(
    context: GatewayContext, account: AccountPath, asset: str, *, after_seq: int
) -> list[AccountLine]:
    def load() -> list[AccountLine]:
        with context.engine.connect() as connection:
            return load_lines(connection, account, asset, after_seq=after_seq)

    return await asyncio.to_thread(load)


async def _parts(
    context: GatewayContext, statement: Statement, period: Period, *, form: str
) -> AsyncIterator[bytes]:
    is_csv = form == "csv"
    yield _csv_head(statement) if is_csv else _json_head(statement, period)
    has_lines = False
    async for page in _pages(context, statement, period):
        if is_csv:
            yield csv_lines([_cells(at) for at in page])
        elif page:
            yield (b"," if has_lines else b"") + b",".join(map(_json_line, page))
            has_lines = True
    yield _csv_foot(statement) if is_csv else b"]}"


async def _pages(
    context: GatewayContext, statement: Statement, period: Period
) -> AsyncIterator[list[StatementLine]]:
    """The statement's entries, each page in a read of its own, so that a slow reader keeps none
    open; not those that came after it was summed up."""
    after_seq, left, balance_raw = 0, statement.entry_count, statement.opening_raw
    while left:
        lines = await _load_page(context, statement.account, statement.asset, after_seq=after_seq)
        page: list[StatementLine] = []
        for line in lines:
            is_within = period.has_begun(line.created_at) and not period.has_ended(line.created_at)
            if is_within and len(page) < left:
                balance_raw += line.amount_raw
                page.append(StatementLine(line=line, balance_raw=balance_raw))
        yield page
        left -= len(page)
        if len(lines) < LINES_PAGE:
            return
        after_seq = lines[-1].seq


def _json_head(statement: Statement, period: Period) -> bytes:
    head = {
        "asset": statement.asset,
        "from": period.begin or None,
        "to": period.end or None,
        "openingMicrocredits": str(statement.opening_raw),
        "closingMicrocredits": str(statement.closing_raw),
        "entryCount": statement.entry_count,
    }
    return msgspec.json.encode(head).removesuffix(b"}") + b',"entries":['


def _json_line(at: StatementLine) -> bytes:
    return msgspec.json.encode(
        {
            "entry": at.line.entry_id,
            "time": at.line.created_at,
            "kind": at.line.kind,
            "cause": at.line.cause,
            "microcredits": str(at.line.amount_raw),
            "balanceMicrocredits": str(at.balance_raw),
        }
    )


def _csv_head(statement: Statement) -> bytes:
    return csv_lines([_COLUMNS, ("opening", "", "", "", "", statement.opening_raw)])


def _csv_foot(statement: Statement) -> bytes:
    return csv_lines([("closing", "", "", "", "", statement.closing_raw)])


def _cells(at: StatementLine) -> Sequence[object]:
    line = at.line
    return (
        line.entry_id,
        line.created_at,
        line.kind,
        line.cause,
        line.amount_raw,
        at.balance_raw,
    )
