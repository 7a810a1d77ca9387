"""The last values that pass and the first that do not, where vectors leave them out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from phase_states import ALICE
from rule_vectors import load_vectors

from basis.rules.accounts import Bound, validate_floors
from basis.rules.boost_tables import BOOST_TABLES
from basis.rules.boosts import Source, WorkerClaim, compute_assignment
from basis.rules.canonical import canonical_json
from basis.rules.dates import add_days, minute_of
from basis.rules.ecdsa import CURVE_ORDER, recover_wallet
from basis.rules.epochs import EPOCHS, MAX_PRICE
from basis.rules.errors import (
    FloorBroken,
    InsufficientCredits,
    InvalidInput,
    InvalidSignature,
    JobFailed,
    RetryLater,
)
from basis.rules.factors import TABLES, look_up_factors
from basis.rules.gpus import GPUS_2026_11_23, ClaimedGpu
from basis.rules.holdings import Measure, SnapshotHash
from basis.rules.job import JobStatus, WorkerId
from basis.rules.ledger import AccountPath
from basis.rules.points import compute_image_points
from basis.rules.points_tables import POINTS_TABLES
from basis.rules.pricing import apply_offer, compute_list_terms
from basis.rules.reward import share_charge
from basis.rules.units import BASIS, WHOLE_BPS, Bps, parse_amount

TERMS = compute_list_terms(EPOCHS[-1], model_id="m", catalog_multiplier_bps=WHOLE_BPS)


@pytest.mark.parametrize("price", [0, MAX_PRICE])
def test_apply_offer__price_at_its_edge__is_taken(price: int) -> None:
    terms = apply_offer(TERMS, offer_hash="a", prompt_price=price, output_price=price)

    assert (terms.prompt_price, terms.output_price, terms.offer_hash) == (price, price, "a")


@pytest.mark.parametrize("asks", [(-1, 1), (1, -1), (MAX_PRICE + 1, 1), (1, MAX_PRICE + 1)])
def test_apply_offer__either_price_beyond_its_edge__raises(asks: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"{asks[0]} and {asks[1]}"):
        apply_offer(TERMS, offer_hash="a", prompt_price=asks[0], output_price=asks[1])


def test_list_terms__price_that_is_the_dearest__is_taken() -> None:
    epoch = replace(EPOCHS[-1], prompt_price=MAX_PRICE)

    terms = compute_list_terms(epoch, model_id="m", catalog_multiplier_bps=WHOLE_BPS)

    assert terms.prompt_price == MAX_PRICE


@pytest.mark.parametrize("measures", [(-1, 1, 1), (1, -1, 1), (1, 1, -1)])
def test_image_points__any_measure_below_nothing__raises(measures: tuple[int, int, int]) -> None:
    width, height, steps = measures
    with pytest.raises(ValueError, match=r"negative: .*-1"):
        compute_image_points(
            POINTS_TABLES[-1],
            status=JobStatus.COMPLETED,
            worker_wallet=ALICE,
            category="sdxl",
            width=width,
            height=height,
            steps=steps,
            quality_bps=WHOLE_BPS,
            latency_bps=WHOLE_BPS,
            is_charged=True,
        )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"worker_wallet": ""}, "no_wallet"),
        ({"is_charged": False}, "not_charged"),
        ({"status": JobStatus.FAILED}, "not_completed"),
    ],
)
def test_image_points__job_that_earns_none__says_why(
    changes: dict[str, object], reason: str
) -> None:
    image = {"category": "sdxl", "width": 512, "height": 512, "steps": 20}
    rates = {"quality_bps": WHOLE_BPS, "latency_bps": WHOLE_BPS}
    job = {"status": JobStatus.COMPLETED, "worker_wallet": ALICE, "is_charged": True, **changes}

    points = compute_image_points(POINTS_TABLES[-1], **image, **rates, **job)

    assert (points.amount_raw, points.reason.value) == (0, reason)


@pytest.mark.parametrize("at_most", [at_most for at_most, _factor in TABLES[-1].latency_steps])
def test_factors__slower_than_a_step_by_less_than_a_basis_point__is_of_that_step(
    at_most: int,
) -> None:
    target = TABLES[-1].latency_targets["large"]
    last_us = ((at_most + 1) * target.inter_token_us - 1) // 10_000

    _uptime, exact = look_up_factors(
        TABLES[-1], target, 0, 0, at_most * target.inter_token_us // 10_000, 0
    )
    _uptime, last = look_up_factors(TABLES[-1], target, 0, 0, last_us, 0)
    _uptime, beyond = look_up_factors(TABLES[-1], target, 0, 0, last_us + 1, 0)

    assert last == exact > beyond


def test_add_days__beyond_the_last_year__is_refused_by_its_days() -> None:
    with pytest.raises(InvalidInput, match="later than 2999") as caught:
        add_days("2999-12-31", 1)

    assert caught.value.param == "days"


def test_gpu_table__published__begins_on_the_day_of_its_version() -> None:
    assert GPUS_2026_11_23.effective_from == GPUS_2026_11_23.version


def test_minute_of__any_day__is_counted_from_the_first_of_year_1() -> None:
    day = date(2026, 11, 23).toordinal() - 1

    assert minute_of("2026-11-23T01:02:59.999Z") == day * 1_440 + 62


@pytest.mark.parametrize(("above", "is_taken"), [(0, True), (1, False)])
def test_recover_wallet__s_at_half_of_the_order__is_the_last_that_is_taken(
    above: int, is_taken: bool
) -> None:
    case = load_vectors("offer")["cases"][0]
    half = (CURVE_ORDER // 2 + above).to_bytes(32, "big").hex()
    signature = case["signature"][:66] + half + case["signature"][-2:]
    if is_taken:
        assert recover_wallet(bytes.fromhex(case["offerHash"]), signature).startswith("0x")
        return
    with pytest.raises(InvalidSignature, match="low s"):
        recover_wallet(bytes.fromhex(case["offerHash"]), signature)


@pytest.mark.parametrize("place", range(1, 5))
@pytest.mark.parametrize("rate", [-1, 10_001])
def test_share_charge__any_rate_out_of_range__raises_and_says_all(place: int, rate: int) -> None:
    given = [100, 10_000, 10_000, 10_000, 10_000]
    given[place] = rate
    with pytest.raises(ValueError, match=str(tuple(given[1:])).replace("(", r"\(")[:-1]):
        share_charge(*given, True, True, 0)


@pytest.mark.parametrize("amounts", [(-1, 0), (0, -1)])
def test_share_charge__amount_below_nothing__raises(amounts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"^a charge or penalty is negative$"):
        share_charge(amounts[0], 0, 0, 0, 0, True, True, amounts[1])


def test_errors__what_is_missing__is_what_is_required_less_what_there_is() -> None:
    error = InsufficientCredits("too little", required=7, available=-5)

    assert (error.message, error.required, error.available) == ("too little", 7, -5)
    assert error.missing == 12


def test_errors__retry_later__says_when() -> None:
    error = RetryLater("later", retry_after_s=9)

    assert (error.message, error.retry_after_s) == ("later", 9)


def test_errors__job_failed__says_why() -> None:
    error = JobFailed("it broke", reason="worker_lost")

    assert (error.message, error.reason) == ("it broke", "worker_lost")


def test_validate_floors__credit_limit__is_that_of_the_customer() -> None:
    held = ((AccountPath("customer/ann"), "CREDIT"), -5)

    assert validate_floors([held], credit_limits={"ann": 5}) is None
    assert validate_floors([held], credit_limits={"ann": None}) is None
    assert validate_floors([held]) is None
    for limits in ({"ann": 4}, {"bob": 5}, {}):
        with pytest.raises(FloorBroken, match="customer/ann would hold -5 base units of CREDIT"):
            validate_floors([held], credit_limits=limits)


def test_validate_floors__in_the_order_given__names_the_first() -> None:
    rows = [((AccountPath("points/issued"), "LLAMA"), 1), ((AccountPath("x"), "LLAMA"), 1)]

    with pytest.raises(FloorBroken, match=f"points/issued .*{Bound.NOT_POSITIVE.value}"):
        validate_floors(rows)


def test_canonical_json__value_of_no_json_type__is_named() -> None:
    with pytest.raises(ValueError, match=r"^float has no canonical form$"):
        canonical_json({"a": [0.5]})


@pytest.mark.parametrize("zeros", [0, 1, 17, 18])
def test_parse_amount__zeros_after_the_point__change_nothing(zeros: int) -> None:
    text = "1." + "0" * zeros if zeros else "1"

    assert parse_amount(text, BASIS, param="it") == 10**18


@pytest.mark.parametrize("text", ["0", "0.0", "0.000000000000000000"])
def test_parse_amount__nothing__is_zero(text: str) -> None:
    assert parse_amount(text, BASIS, param="it") == 0


def test_assignment__holding_below_the_first_tier__marks_no_gpu() -> None:
    source = Source(
        measure=Measure.NFT, snapshot_hash=SnapshotHash("a" * 64), amount_raw=0, decimals=0
    )
    claim = WorkerClaim(
        worker_id=WorkerId("w-1"), gpus=(ClaimedGpu(name="RTX 4090", memory_mib=0),)
    )

    assignment = compute_assignment(
        BOOST_TABLES[-1], wallet=ALICE, claims=[claim], sources=[source]
    )

    assert [(run.boost_bps, run.measure) for run in assignment.runs] == [(Bps(10_000), None)]
