"""Points and phases as anyone may read them: what an owner has earned, and what became of it."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy import Connection

from basis.gateway.bodies import refuse_unknown_query
from basis.gateway.records import answer_records
from basis.rules.phase_file import keep_wallet, phase_document, phase_summary
from basis.rules.wallet import Wallet, parse_wallet
from basis.storage.phase_store import load_phase, load_phases, load_wallet_points
from basis.storage.points_store import load_wallet_balances


async def get_points(request: web.Request) -> web.StreamResponse:
    """`GET /api/points/{wallet}`: points earned and redeemed, and those that phases counted."""
    refuse_unknown_query(request)
    wallet = parse_wallet(request.match_info["wallet"], param="wallet")

    def load(connection: Connection) -> dict[str, object]:
        return {
            "wallet": wallet,
            "points": [
                {
                    "asset": balance.asset,
                    "earnedRaw": str(balance.earned_raw),
                    "redeemedRaw": str(balance.redeemed_raw),
                }
                for balance in load_wallet_balances(connection, wallet)
            ],
            "phases": [
                {
                    "phase": phase_id,
                    "pools": [
                        {"pool": pool, "pointsRaw": str(points_raw)}
                        for pool, points_raw in pools.items()
                    ],
                }
                for phase_id, pools in load_wallet_points(connection, wallet).items()
            ],
        }

    return await answer_records(request, load)


async def get_phases(request: web.Request) -> web.StreamResponse:
    """`GET /api/phases`: every phase with its terms and how far it has come, by its start."""
    refuse_unknown_query(request)

    def load(connection: Connection) -> dict[str, object]:
        return {"phases": [phase_summary(stored.phase) for stored in load_phases(connection)]}

    return await answer_records(request, load)


async def get_phase(request: web.Request) -> web.StreamResponse:
    """`GET /api/phases/{id}?wallet=`: the document of a phase, or one owner's part of it."""
    refuse_unknown_query(request, "wallet")
    text = request.query.get("wallet")
    wallet = None if text is None else parse_wallet(text, param="wallet")
    phase_id = request.match_info["id"]

    def load(connection: Connection) -> dict[str, object]:
        return _document(connection, phase_id, wallet)

    return await answer_records(request, load)


def _document(connection: Connection, phase_id: str, wallet: Wallet | None) -> dict[str, object]:
    stored = load_phase(connection, phase_id)
    document = phase_document(stored.phase)
    document["releasedParts"] = list(stored.released)
    document["fileSha256"] = stored.file_hash
    return document if wallet is None else keep_wallet(document, wallet)
