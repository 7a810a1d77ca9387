"""What owners signed: kept once, in the order of its nonces, with how each offer ended."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from basis.rules.errors import DamagedRecord, NotFound
from basis.rules.offer import Signed
from basis.rules.offer_errors import StaleNonce
from basis.storage.offer_store import (
    OfferEnd,
    OfferRecord,
    OfferStatus,
    load_offer,
    load_offers,
    load_open_offers,
    new_offer_record,
    store_offer_ends,
    store_signed,
)
from tests.support.offers import Owner

NOW = 1_795_000_000
AT = "2026-11-23T12:00:00.000Z"
LATER = "2026-11-23T13:00:00.000Z"
OWNER = Owner()


def make_record(signed: Signed, *, at: str = AT) -> OfferRecord:
    """What is recorded of something that OWNER signed."""
    return new_offer_record(
        signed, signature=OWNER.sign(signed), rails="2026-11-23", epoch="e-1", now=at
    )


def offer_record(nonce: int, **changes: int) -> OfferRecord:
    """The record of an offer."""
    return make_record(OWNER.offer(nonce=nonce, now_s=NOW, **changes))


def store(engine: Engine, record: OfferRecord) -> tuple[OfferRecord, bool]:
    """Stores in a transaction of its own."""
    with engine.begin() as connection:
        return store_signed(connection, record)


def open_nonces(engine: Engine) -> list[int]:
    """The nonces of the offers that have not ended."""
    with engine.connect() as connection:
        return [record.signed.nonce for record in load_open_offers(connection)]


def test_store__offer__is_read_back_as_it_was(engine: Engine) -> None:
    record = offer_record(1)

    stored = store(engine, record)

    with engine.connect() as connection:
        assert stored == (record, True)
        assert load_offer(connection, record.hash) == record
        assert load_open_offers(connection) == [record]


def test_store__same_offer_again__changes_nothing(engine: Engine) -> None:
    record = offer_record(1)
    store(engine, record)

    again, is_new = store(engine, make_record(record.signed, at=LATER))

    assert (again, is_new) == (record, False)
    assert open_nonces(engine) == [1]


@pytest.mark.parametrize("nonce", [4, 5])
def test_store__nonce_not_above_the_last_one__is_refused(engine: Engine, nonce: int) -> None:
    store(engine, offer_record(5))

    with pytest.raises(StaleNonce, match="above 5"):
        store(engine, offer_record(nonce, capacity=7))

    assert open_nonces(engine) == [5]


def test_store__another_owner_of_the_same_worker__has_nonces_of_its_own(engine: Engine) -> None:
    store(engine, offer_record(2**53 - 1))
    other = Owner(2)
    signed = other.offer(nonce=1, now_s=NOW)

    _, is_new = store(
        engine, new_offer_record(signed, signature=other.sign(signed), rails="", epoch="", now=AT)
    )

    assert is_new


def test_store__withdrawal__ends_the_open_offers_below_it_and_bars_their_replay(
    engine: Engine,
) -> None:
    first, second = offer_record(1), offer_record(2, begins_in_s=100)
    for record in (first, second):
        store(engine, record)

    _, is_new = store(engine, make_record(OWNER.withdrawal(nonce=9), at=LATER))

    assert is_new
    assert open_nonces(engine) == []
    with engine.connect() as connection:
        ended = load_offer(connection, first.hash)
    assert (ended.status, ended.ended_at) == (OfferStatus.WITHDRAWN, LATER)
    replayed, is_new = store(engine, first)
    assert (replayed, is_new) == (ended, False)
    with pytest.raises(StaleNonce):
        store(engine, offer_record(8))


def test_store_ends__twice__keeps_the_first_end(engine: Engine) -> None:
    record = offer_record(1)
    store(engine, record)

    with engine.begin() as connection:
        for status, at in ((OfferStatus.EXPIRED, AT), (OfferStatus.WITHDRAWN, LATER)):
            store_offer_ends(connection, [OfferEnd(hash=record.hash, status=status, ended_at=at)])
        ended = load_offer(connection, record.hash)

    assert (ended.status, ended.ended_at) == (OfferStatus.EXPIRED, AT)


def test_load_offers__of_a_worker__are_newest_first_and_bounded(engine: Engine) -> None:
    for nonce in (1, 2, 3):
        store(engine, offer_record(nonce))
    store(engine, make_record(OWNER.offer(worker_id="other", now_s=NOW)))

    with engine.connect() as connection:
        found = load_offers(connection, worker_id="gpu-7a1c", limit=2)
        everything = load_offers(connection, limit=100)

    assert [record.signed.nonce for record in found] == [3, 2]
    assert len(everything) == 4


def test_load_offer__unknown_hash__is_not_found(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(NotFound):
        load_offer(connection, "0" * 64)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE worker_offers SET content = replace(content, '15000000', '15000001')",
        "UPDATE worker_offers SET content = '{}'",
        "UPDATE worker_offers SET nonce = 2",
        "UPDATE worker_offers SET worker_id = 'other'",
        "UPDATE worker_offers SET wallet = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'",
        "UPDATE worker_offers SET status = 'forgotten'",
        "UPDATE worker_offers SET status = 'withdrawal'",
        "UPDATE worker_offers SET accepted_at = x'00ff'",
    ],
)
def test_load__record_that_something_else_changed__is_damaged(
    engine: Engine, statement: str
) -> None:
    record = offer_record(1)
    store(engine, record)
    with engine.begin() as connection:
        connection.execute(text(statement))

    with engine.connect() as connection, pytest.raises(DamagedRecord, match="worker_offers"):
        load_offers(connection, limit=1)
