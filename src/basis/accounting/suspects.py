"""Looks through the receipts of a phase for wallets that its operator should look at."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import Connection

from basis.rules.dates import minute_of
from basis.rules.suspects import Suspicion, WorkBook, find_registered_together
from basis.storage.phase_receipts import iterate_served_jobs, load_first_registrations
from basis.storage.phase_store import load_phase


def find_suspects(connection: Connection, phase_id: str) -> list[Suspicion]:
    """Suggestions with their evidence, by wallet and sign; nothing is recorded.

    Raises:
        NotFound: there is no such phase.
        DamagedRecord: a receipt cannot be read.
    """
    terms = load_phase(connection, phase_id).phase.terms
    books: defaultdict[str, WorkBook] = defaultdict(WorkBook)
    jobs = iterate_served_jobs(
        connection,
        points_assets=[pool.points_asset for pool in terms.pools],
        starts_at=terms.starts_at,
        ends_at=terms.ends_at,
    )
    for job in jobs:
        books[job.points_asset].add(
            wallet=job.wallet,
            user_id=job.user_id,
            user_wallet=job.user_wallet,
            points_raw=job.points_raw,
        )
    wallets = frozenset(wallet for book in books.values() for wallet in book.wallets)
    registrations = [
        (wallet, minute_of(first)) for wallet, first in load_first_registrations(connection)
    ]
    found = [suspicion for book in books.values() for suspicion in book.find_suspicions()]
    found += find_registered_together(registrations, wallets)
    return sorted(found, key=lambda one: (one.wallet, one.sign.value, one.evidence))
