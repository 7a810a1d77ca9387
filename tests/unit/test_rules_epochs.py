"""Which epoch is in force when, and which is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from basis.rules.epoch_form import compute_epoch_hash, epoch_json, parse_epoch
from basis.rules.epochs import (
    EPOCHS,
    MAX_PRICE,
    Activation,
    EpochBook,
    ModelPrice,
    PricingEpoch,
    check_activation,
    validate_epoch,
)
from basis.rules.errors import Conflict, InvalidInput
from basis.rules.units import Bps

BEFORE, FIRST, BETWEEN, SECOND = (f"2026-12-0{day}T00:00:00.000Z" for day in (1, 2, 3, 4))
SPRING, SUMMER = (replace(EPOCHS[-1], version=name) for name in ("spring", "summer"))
BOOK = EpochBook(
    [
        Activation(epoch=SUMMER, effective_from=SECOND),
        Activation(epoch=SPRING, effective_from=FIRST),
    ]
)

FLAWS: dict[str, dict[str, object]] = {
    "version": {"version": "Spring"},
    "version ": {"version": ""},
    "promptPrice": {"promptPrice": str(MAX_PRICE + 1)},
    "outputPrice": {"outputPrice": "-1"},
    "promptPrice of m": {"modelPrices": [{"model": "m", "promptPrice": "1.5", "outputPrice": "1"}]},
    "outputPrice of m": {
        "modelPrices": [{"model": "m", "promptPrice": "1", "outputPrice": str(MAX_PRICE + 1)}]
    },
    "multiplierBps of m": {"modelMultipliers": [{"model": "m", "multiplierBps": -1}]},
    "modelMultipliers": {"modelMultipliers": [{"model": "m", "multiplierBps": 1}] * 2},
    "multiplierBps of c": {"imageMultipliers": [{"category": "c", "multiplierBps": 1_000_001}]},
    "utilisationBps": {"utilisationBps": -1},
    "supplyBps": {"supplyBps": 1_000_001},
    "demandBps": {"demandBps": 1_000_001},
    "workerFloorPrice": {"workerFloorPrice": "1", "protocolFeeBps": 10_000},
    "basisRawPerMicrocredit": {"basisRawPerMicrocredit": str(10**24 + 1)},
    "protocolFeeBps": {"protocolFeeBps": 10_001},
    "imagePrice": {"imagePrice": "01"},
    "epoch": {"colour": "red"},
    "epoch ": {"promptPrice": 1},
    "epoch  ": {"protocolFeeBps": 0.5},
}


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (BEFORE, EPOCHS[-1]),
        (FIRST, SPRING),
        (BETWEEN, SPRING),
        (SECOND, SUMMER),
        ("2027-01-01T00:00:00.000Z", SUMMER),
    ],
)
def test_book__in_force__is_the_newest_that_has_begun(at: str, expected: PricingEpoch) -> None:
    assert BOOK.in_force(at) is expected


def test_book__of_version__knows_what_ships_and_what_was_activated() -> None:
    assert BOOK.of_version("spring") is SPRING
    assert BOOK.of_version(EPOCHS[0].version) is EPOCHS[0]
    assert BOOK.has("spring")
    assert not BOOK.has("autumn")
    with pytest.raises(InvalidInput, match="autumn") as caught:
        BOOK.of_version("autumn")
    assert caught.value.param == "pricing_version"


@pytest.mark.parametrize(
    ("version", "at", "could"),
    [
        ("spring", BETWEEN, True),
        ("spring", BEFORE, False),
        ("spring", SECOND, False),
        (EPOCHS[0].version, BEFORE, True),
        (EPOCHS[0].version, BETWEEN, False),
        ("autumn", BETWEEN, False),
    ],
)
def test_book__could_price__only_while_in_force(version: str, at: str, could: bool) -> None:
    assert BOOK.could_price(version, at=at) is could


def test_activation__in_the_future__is_accepted() -> None:
    one = Activation(epoch=SPRING, effective_from=FIRST)
    accepted = check_activation([one], version="summer", effective_from=SECOND, now=BETWEEN)
    assert accepted is None


@pytest.mark.parametrize(
    ("version", "effective_from", "error"),
    [
        ("summer", BETWEEN, InvalidInput),
        ("summer", BEFORE, InvalidInput),
        ("summer", SECOND, Conflict),
        ("spring", "2026-12-05T00:00:00.000Z", Conflict),
    ],
)
def test_activation__past_or_overlapping__raises(
    version: str, effective_from: str, error: type[Exception]
) -> None:
    one = Activation(epoch=SPRING, effective_from=SECOND)
    with pytest.raises(error):
        check_activation([one], version=version, effective_from=effective_from, now=BETWEEN)


@pytest.mark.parametrize("param", FLAWS)
def test_epoch__flawed__is_refused_by_the_name_of_the_field(param: str) -> None:
    text = json.dumps({**epoch_json(EPOCHS[-1]), **FLAWS[param]})
    with pytest.raises(InvalidInput) as caught:
        parse_epoch(text)
    assert caught.value.param == param.strip()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, b"\xff"])
def test_epoch__no_json__is_refused(text: str | bytes) -> None:
    with pytest.raises(InvalidInput, match="no pricing epoch"):
        parse_epoch(text)


@pytest.mark.parametrize(
    "rows",
    [
        {"model_prices": tuple(ModelPrice(model=m, prompt_price=1, output_price=1) for m in "ba")},
        {"model_multipliers": (("b", Bps(1)), ("a", Bps(1)))},
        {"image_multipliers": (("a", Bps(1)), ("a", Bps(2)))},
    ],
)
def test_epoch__rows_out_of_order_or_twice__is_refused(rows: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match="sorted"):
        validate_epoch(replace(EPOCHS[-1], **rows))  # type: ignore[arg-type]  # any field


def test_epoch__rows_in_any_order__have_one_form() -> None:
    rows = [{"model": name, "promptPrice": "1", "outputPrice": "2"} for name in ("b", "a")]
    epochs = [
        parse_epoch(json.dumps({**epoch_json(EPOCHS[-1]), "modelPrices": order}))
        for order in (rows, rows[::-1])
    ]
    assert compute_epoch_hash(epochs[0]) == compute_epoch_hash(epochs[1])


def test_epoch__any_figure_changed__has_another_hash() -> None:
    known = {compute_epoch_hash(EPOCHS[-1])}
    changes: list[dict[str, object]] = [
        {"version": "v"},
        {"is_placeholder": False},
        {"prompt_price": 1},
        {"output_price": 1},
        {"image_price": 1},
        {"utilisation_bps": 1},
        {"supply_bps": 1},
        {"demand_bps": 1},
        {"worker_floor_price": 1},
        {"basis_raw_per_microcredit": 1},
        {"protocol_fee_bps": 1},
        {"is_empty_answer_free": False},
        {"image_multipliers": ()},
        {"model_multipliers": (("m", Bps(1)),)},
        {"model_prices": (ModelPrice(model="m", prompt_price=1, output_price=1),)},
    ]
    for change in changes:
        known.add(compute_epoch_hash(replace(EPOCHS[-1], **change)))  # type: ignore[arg-type]  # any field
    assert len(known) == len(changes) + 1


@pytest.mark.parametrize("name", ["", "m" * 129, "m" * 10**6, "a\nb", "a\x00", "\u202e", "\ud800"])
@pytest.mark.parametrize(
    "rows",
    [
        {"modelPrices": [{"promptPrice": "1.5", "outputPrice": "1"}]},
        {"modelMultipliers": [{"multiplierBps": -1}]},
        {"imageMultipliers": [{"multiplierBps": -1}]},
    ],
    ids=lambda rows: next(iter(rows)),
)
def test_epoch__name_that_is_too_long_or_cannot_be_printed__is_refused_in_few_words(
    name: str, rows: dict[str, list[dict[str, object]]]
) -> None:
    key = "category" if "imageMultipliers" in rows else "model"
    named = {field: [{**row, key: name} for row in of] for field, of in rows.items()}

    with pytest.raises(InvalidInput) as refused:
        parse_epoch(json.dumps({**epoch_json(EPOCHS[-1]), **named}))

    assert len(refused.value.message) < 400
    assert len(refused.value.param or "") < 200


def test_epoch__name_of_the_longest_length__is_taken() -> None:
    rows = [{"model": "m" * 128, "multiplierBps": 10_000}]

    epoch = parse_epoch(json.dumps({**epoch_json(EPOCHS[-1]), "modelMultipliers": rows}))

    assert epoch.model_multipliers == (("m" * 128, 10_000),)
    with pytest.raises(InvalidInput, match=r"'a\\tb'.*1 to 128 printable") as refused:
        validate_epoch(replace(epoch, model_multipliers=(("a\tb", Bps(1)),)))
    assert refused.value.param == "epoch"


def test_book__effective_from__is_the_activations_and_empty_for_what_ships() -> None:
    assert BOOK.effective_from("summer") == SECOND
    assert BOOK.effective_from("spring") == FIRST
    assert BOOK.effective_from(EPOCHS[0].version) == ""


@pytest.mark.parametrize(
    ("at", "begun"),
    [
        (BEFORE, []),
        (FIRST, [(SPRING, FIRST)]),
        (BETWEEN, [(SPRING, FIRST)]),
        (SECOND, [(SPRING, FIRST), (SUMMER, SECOND)]),
    ],
)
def test_book__activated_until__holds_those_that_have_begun_in_order(
    at: str, begun: list[tuple[PricingEpoch, str]]
) -> None:
    assert [(one.epoch, one.effective_from) for one in BOOK.activated_until(at)] == begun


def test_book__many_activations__keep_each_its_own_epoch() -> None:
    dear = replace(SPRING, version="dear", prompt_price=7)
    book = EpochBook([*BOOK._activations, Activation(epoch=dear, effective_from=BETWEEN)])

    assert book.in_force(BETWEEN) is dear
    assert book.of_version("dear") is dear
    assert book.of_version(EPOCHS[0].version) is EPOCHS[0]


@pytest.mark.parametrize("field", ["prompt_price", "output_price", "image_price"])
def test_epoch__price_at_its_edges__is_taken(field: str) -> None:
    for price in (0, MAX_PRICE):
        changed = replace(SPRING, **{field: price})
        validate_epoch(changed)
        assert parse_epoch(json.dumps(epoch_json(changed))) == changed
