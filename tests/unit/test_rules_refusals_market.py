"""What is said when an offer is refused, and what passes at the very edge."""

from __future__ import annotations

from dataclasses import replace

import pytest
from phase_states import ALICE, BOB
from refusals import Refusal, refuse

from basis.rules.errors import InvalidWallet
from basis.rules.job import WorkerId
from basis.rules.offer import ModelAsk, Offer
from basis.rules.offer_checks import (
    MAX_ASK,
    MAX_CAPACITY,
    MAX_LIFE_S,
    MAX_MODELS,
    MAX_NUMBER,
    AskBounds,
    ModelBounds,
    validate_form,
    validate_nonce,
    validate_owner,
    validate_prices,
    validate_time,
)
from basis.rules.offer_errors import PriceOutsideRails, StaleNonce, WrongSigner
from basis.rules.wallet import Wallet

ASK = ModelAsk(model="basis-default", prompt_price=120_000_000, output_price=480_000_000)
OFFER = Offer(
    worker_id=WorkerId("gpu-7a1c"),
    wallet=ALICE,
    nonce=1_795_000_000_123,
    models=(ASK,),
    capacity=4,
    not_before=1_795_000_000,
    expires_at=1_797_000_000,
)
BOUNDS = ModelBounds(
    prompt=AskBounds(floor=20, lowest=10, highest=50),
    output=AskBounds(floor=0, lowest=10, highest=50),
)


def _form(**changes: object) -> None:
    validate_form(replace(OFFER, **changes))


def _asks(*asks: tuple[str, int, int]) -> None:
    _form(models=tuple(ModelAsk(model=m, prompt_price=p, output_price=o) for m, p, o in asks))


def _prices(prompt_price: int, output_price: int, model: str = "m") -> None:
    ask = ModelAsk(model=model, prompt_price=prompt_price, output_price=output_price)
    validate_prices(replace(OFFER, models=(ask,)), bounds={"m": BOUNDS})


REFUSALS = {
    "offer of no wallet": Refusal(
        lambda: _form(wallet=Wallet("0x")), ("wallet is '0x'",), "wallet", InvalidWallet
    ),
    "offer of a wallet in another spelling": Refusal(
        lambda: _form(wallet=OFFER.wallet.lower()), (OFFER.wallet.lower(), "EIP-55"), "wallet"
    ),
    "offer without a number": Refusal(
        lambda: _form(nonce=0), ("nonce is 0", f"1 to {MAX_NUMBER}"), "nonce"
    ),
    "offer of no job at once": Refusal(
        lambda: _form(capacity=0), ("capacity is 0", f"1 to {MAX_CAPACITY}"), "capacity"
    ),
    "offer before there was time": Refusal(
        lambda: _form(not_before=-1), ("notBefore is -1",), "notBefore"
    ),
    "offer beyond all numbers": Refusal(
        lambda: _form(expires_at=MAX_NUMBER + 1), (f"expiresAt is {MAX_NUMBER + 1}",), "expiresAt"
    ),
    "offer that ends as it begins": Refusal(
        lambda: _form(expires_at=OFFER.not_before),
        (f"expiresAt is {OFFER.not_before}", "not after notBefore"),
        "expiresAt",
    ),
    "offer for no model": Refusal(
        lambda: _form(models=()), ("lists 0", f"1 to {MAX_MODELS}"), "models"
    ),
    "offer for too many models": Refusal(
        lambda: _form(models=(ASK,) * (MAX_MODELS + 1)), (f"lists {MAX_MODELS + 1}",), "models"
    ),
    "offer for a model twice": Refusal(
        lambda: _asks(("m", 1, 1), ("m", 1, 1)), ("'m'", "twice"), "models[1].model"
    ),
    "ask of less than nothing": Refusal(
        lambda: _asks(("m", -1, 1)), ("promptPrice is -1",), "models[0].promptPrice"
    ),
    "ask of too much": Refusal(
        lambda: _asks(("m", 1, MAX_ASK + 1)), (f"0 to {MAX_ASK}",), "models[0].outputPrice"
    ),
    "ask for a model that is not there": Refusal(
        lambda: _prices(20, 20, "n"), ("'n'", "GET /api/catalog"), "models[0].model"
    ),
    "ask below what must be left": Refusal(
        lambda: _prices(19, 20),
        ("models[0].promptPrice is 19", "'worker_floor'", "20 to 50"),
        "models[0].promptPrice",
        PriceOutsideRails,
    ),
    "ask below the lower rail": Refusal(
        lambda: _prices(20, 9),
        ("models[0].outputPrice is 9", "'lowest'", "10 to 50"),
        "models[0].outputPrice",
        PriceOutsideRails,
    ),
    "ask above the upper rail": Refusal(
        lambda: _prices(51, 20), ("'highest'",), "models[0].promptPrice", PriceOutsideRails
    ),
    "offer that is over": Refusal(
        lambda: validate_time(OFFER, now_s=OFFER.expires_at),
        (f"expiresAt is {OFFER.expires_at}", f"it is {OFFER.expires_at} now"),
        "expiresAt",
    ),
    "offer for too long": Refusal(
        lambda: validate_time(OFFER, now_s=OFFER.expires_at - MAX_LIFE_S - 1),
        (f"more than {MAX_LIFE_S} s",),
        "expiresAt",
    ),
    "offer for somebody else's worker": Refusal(
        lambda: validate_owner(OFFER, signer=OFFER.wallet, owner=BOB),
        (OFFER.wallet, OFFER.worker_id, BOB),
        *(None, WrongSigner),
    ),
    "offer that somebody else signed": Refusal(
        lambda: validate_owner(OFFER, signer=BOB, owner=OFFER.wallet),
        (f"by {BOB}", OFFER.wallet),
        *(None, WrongSigner),
    ),
    "offer that was said before": Refusal(
        lambda: validate_nonce(OFFER, last_nonce=OFFER.nonce),
        (f"nonce is {OFFER.nonce}", f"not above {OFFER.nonce}"),
        *(None, StaleNonce),
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal__of_an_offer__says_what_and_why(name: str) -> None:
    refusal = REFUSALS[name]

    assert refuse(refusal) == (refusal.kind, refusal.param, [])


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": 1},
        {"nonce": MAX_NUMBER},
        {"capacity": 1},
        {"capacity": MAX_CAPACITY},
        {"not_before": 0, "expires_at": 1},
        {"expires_at": MAX_NUMBER},
        {"models": (replace(ASK, prompt_price=0, output_price=0),)},
        {"models": (replace(ASK, prompt_price=MAX_ASK, output_price=MAX_ASK),)},
        {"models": tuple(replace(ASK, model=f"m-{n}") for n in range(MAX_MODELS))},
    ],
)
def test_validate_form__at_the_edges__is_taken(changes: dict[str, object]) -> None:
    assert validate_form(replace(OFFER, **changes)) is None


def test_validate_prices__at_the_rails__are_taken() -> None:
    assert [_prices(20, 10), _prices(50, 50)] == [None, None]


def test_validate_time__until_the_last_second__is_taken() -> None:
    for now_s in (OFFER.expires_at - 1, OFFER.expires_at - MAX_LIFE_S):
        assert validate_time(OFFER, now_s=now_s) is None


@pytest.mark.parametrize(
    ("prompt_price", "output_price", "has"),
    [(20, 10, True), (50, 50, True), (19, 10, False), (20, 9, False), (51, 51, False)],
)
def test_model_bounds__both_asks__must_be_within(
    prompt_price: int, output_price: int, has: bool
) -> None:
    assert BOUNDS.has(prompt_price=prompt_price, output_price=output_price) is has
