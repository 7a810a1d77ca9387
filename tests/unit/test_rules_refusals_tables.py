"""What is said when epochs, catalogs, tables of factors, points and boosts refuse something."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from refusals import Refusal, refuse

from basis.rules.boost_tables import BOOST_TABLES, boost_tables_of_version
from basis.rules.boosts import Source, WorkerClaim, compute_assignment, compute_grant
from basis.rules.catalog import CATALOGS, overlay, validate_terms
from basis.rules.epoch_form import epoch_json, parse_epoch
from basis.rules.epochs import (
    EPOCHS,
    Activation,
    EpochBook,
    ModelPrice,
    check_activation,
    validate_epoch,
)
from basis.rules.errors import Conflict, UnknownModel
from basis.rules.factors import (
    TABLES,
    Measurements,
    compute_factors,
    look_up_factors,
    tables_of_version,
)
from basis.rules.gpus import GPUS_2026_11_23, gpu_table_of_version, split_claim
from basis.rules.holdings import Measure, SnapshotHash
from basis.rules.job import WorkerId
from basis.rules.points_tables import points_table_of_version
from basis.rules.pricing import MAX_PRICE, compute_image_charge, compute_list_terms
from basis.rules.units import WHOLE_BPS, Bps, Micros, TokenCount
from basis.rules.wallet import Wallet

OWNER = Wallet("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
EPOCH = EPOCHS[-1]
FIRST, SECOND = "2026-12-01T00:00:00.000Z", "2026-12-02T00:00:00.000Z"
ACTIVE = (Activation(epoch=replace(EPOCH, version="spring"), effective_from=SECOND),)
CATALOG = CATALOGS[-1]
MODEL = CATALOG.models[0]
BOOSTS = BOOST_TABLES[-1]
MEASURE = BOOSTS.rules[0].measure
OTHER_MEASURE = next(one for one in Measure if one is not MEASURE)


def _source(amount_raw: int = 1, decimals: int = 0) -> Source:
    return Source(
        measure=MEASURE,
        snapshot_hash=SnapshotHash("a" * 64),
        amount_raw=amount_raw,
        decimals=decimals,
    )


def _terms(**changes: object) -> None:
    given = {
        "catalog_version": CATALOG.version,
        "model_name": MODEL.name,
        "multiplier_bps": MODEL.multiplier_bps,
        "latency_class": MODEL.latency_class,
    }
    validate_terms(**{**given, **changes})


def _activate(version: str, effective_from: str, now: str = FIRST) -> None:
    check_activation(ACTIVE, version=version, effective_from=effective_from, now=now)


def _latency(prompt_tokens: int = 1, online_minutes: int = 1) -> None:
    target = next(iter(TABLES[-1].latency_targets.values()))
    look_up_factors(TABLES[-1], target, online_minutes, 2, 3, prompt_tokens)


CLAIM = WorkerClaim(worker_id=WorkerId("w-1"), gpus=())

REFUSALS = {
    "activation at the moment that it is": Refusal(
        lambda: _activate("new", FIRST), (FIRST, "for the future only"), "effective_from"
    ),
    "activation of an epoch that is activated": Refusal(
        lambda: _activate("spring", "2027-01-01T00:00:00.000Z"), ("spring", SECOND), None, Conflict
    ),
    "activation at the moment of another": Refusal(
        lambda: _activate("new", SECOND), ("spring", SECOND), None, Conflict
    ),
    "epoch that is not known": Refusal(
        lambda: EpochBook().of_version("winter"), ("'winter'",), "pricing_version"
    ),
    "epoch of a version too long": Refusal(
        lambda: validate_epoch(replace(EPOCH, version="v" * 200)),
        (f"'{'v' * 80}'", "1 to 64"),
        "version",
    ),
    "epoch of a price out of range": Refusal(
        lambda: validate_epoch(replace(EPOCH, output_price=MAX_PRICE + 1)),
        (f"outputPrice is {MAX_PRICE + 1}", f"0 to {MAX_PRICE}"),
        "outputPrice",
    ),
    "epoch of an image price out of range": Refusal(
        lambda: validate_epoch(replace(EPOCH, image_price=-1)), ("imagePrice is -1",), "imagePrice"
    ),
    "epoch of a floor out of range": Refusal(
        lambda: validate_epoch(replace(EPOCH, worker_floor_price=-1)),
        ("workerFloorPrice is -1",),
        "workerFloorPrice",
    ),
    "epoch of a floor that no fee leaves": Refusal(
        lambda: validate_epoch(replace(EPOCH, worker_floor_price=1, protocol_fee_bps=WHOLE_BPS)),
        ("10000 bps", "no floor can hold"),
        "workerFloorPrice",
    ),
    "epoch with an image category twice": Refusal(
        lambda: validate_epoch(replace(EPOCH, image_multipliers=(("c", Bps(1)),) * 2)),
        ("sorted", "twice"),
        "imageMultipliers",
    ),
    "epoch with a model's prices twice": Refusal(
        lambda: validate_epoch(
            replace(
                EPOCH, model_prices=(ModelPrice(model="m", prompt_price=1, output_price=1),) * 2
            )
        ),
        ("sorted", "twice"),
        "modelPrices",
    ),
    "epoch with a model's price that is no integer": Refusal(
        lambda: parse_epoch(
            json.dumps(
                {
                    **epoch_json(EPOCH),
                    "modelPrices": [{"model": "m", "promptPrice": "1", "outputPrice": "1.5"}],
                }
            )
        ),
        ("outputPrice of m is '1.5'",),
        "outputPrice of m",
    ),
    "GPU table that was never published": Refusal(
        lambda: gpu_table_of_version("2020"), ("'2020'",), "gpus_version"
    ),
    "epoch that comes to more than can be charged": Refusal(
        lambda: compute_list_terms(
            replace(EPOCH, prompt_price=MAX_PRICE),
            model_id=MODEL.name,
            catalog_multiplier_bps=Bps(10_001),
        ),
        (EPOCH.version, f"at most {MAX_PRICE}"),
        "price",
    ),
    "image of an epoch without images": Refusal(
        lambda: compute_image_charge(
            replace(EPOCH, image_multipliers=()), category="sdxl", width=1, height=1, steps=1
        ),
        ("'sdxl'", "known: none"),
        "category",
    ),
    "image of another category": Refusal(
        lambda: compute_image_charge(EPOCH, category="xl", width=1, height=1, steps=1),
        ("'xl'", ", ".join(name for name, _bps in EPOCH.image_multipliers)),
        "category",
    ),
    "catalog that was never published": Refusal(
        lambda: _terms(catalog_version="2020-01-01"), ("'2020-01-01'",), "catalog_version"
    ),
    "catalog of an operator over none": Refusal(
        lambda: _terms(catalog_version="2020-01-01+0123456789ab"), ("+0123",), "catalog_version"
    ),
    "catalog of an operator without a digest": Refusal(
        lambda: _terms(catalog_version=f"{CATALOG.version}+no"),
        ("+no",),
        "catalog_version",
    ),
    "catalog of an operator over an operator's": Refusal(
        lambda: _terms(catalog_version=f"{CATALOG.version}+0123456789ab+0123456789ab"),
        (CATALOG.version,),
        "catalog_version",
    ),
    "catalog without the model": Refusal(
        lambda: _terms(model_name="gpt-0"), ("'gpt-0'",), None, UnknownModel
    ),
    "catalog with another multiplier": Refusal(
        lambda: _terms(multiplier_bps=Bps(77_777)),
        (MODEL.name, f"at {MODEL.multiplier_bps} bps", "not at 77777 bps"),
        "model",
    ),
    "catalog with another class": Refusal(
        lambda: _terms(latency_class="huge"), (MODEL.latency_class, "class huge"), "model"
    ),
    "catalog with another class, whatever the multiplier": Refusal(
        lambda: _terms(multiplier_bps=None, latency_class="huge"), ("class huge",), "model"
    ),
    "latency class without a target": Refusal(
        lambda: compute_factors(
            TABLES[-1],
            latency_class="huge",
            measured=Measurements(
                quality_bps=WHOLE_BPS,
                online_minutes=1,
                first_token_us=Micros(1),
                inter_token_us=Micros(1),
                prompt_tokens=TokenCount(1),
            ),
        ),
        ("'huge'", ", ".join(sorted(TABLES[-1].latency_targets))),
        "latency_class",
    ),
    "measurement below nothing": Refusal(
        lambda: _latency(prompt_tokens=-4), ("1 minutes, 2 us, 3 us, -4 tokens",), "measurements"
    ),
    "factor tables that were never published": Refusal(
        lambda: tables_of_version("2020"), ("'2020'",), "factors_version"
    ),
    "points table that was never published": Refusal(
        lambda: points_table_of_version("2020"), ("'2020'",), "points_version"
    ),
    "boost tables that were never published": Refusal(
        lambda: boost_tables_of_version("2020"), ("'2020'",), "boosts_version"
    ),
    "claim of fewer cards than none": Refusal(
        lambda: split_claim(GPUS_2026_11_23, name="RTX 4090", count=-1, memory_mib=8),
        ("-1 GPUs of 8 MiB",),
        "hardware",
    ),
    "claim of less memory than none": Refusal(
        lambda: split_claim(GPUS_2026_11_23, name="RTX 4090", count=1, memory_mib=-8),
        ("1 GPUs of -8 MiB",),
        "hardware",
    ),
    "grant of less than nothing": Refusal(
        lambda: compute_grant(BOOSTS, _source(-1, 18)), ("-1 with 18 decimals",), "amountRaw"
    ),
    "grant by a measure without a rule": Refusal(
        lambda: compute_grant(replace(BOOSTS, rules=()), replace(_source(), measure=OTHER_MEASURE)),
        (OTHER_MEASURE.value,),
        "measure",
    ),
    "assignment by two sources of a measure": Refusal(
        lambda: compute_assignment(
            BOOSTS, wallet=OWNER, claims=[], sources=[_source(), _source(2)]
        ),
        ("two sources",),
        "sources",
    ),
    "assignment to a worker that stands twice": Refusal(
        lambda: compute_assignment(BOOSTS, wallet=OWNER, claims=[CLAIM, CLAIM], sources=[]),
        ("w-1", "twice"),
        "claims",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal__of_a_table__says_what_and_why(name: str) -> None:
    refusal = REFUSALS[name]

    assert refuse(refusal) == (refusal.kind, refusal.param, [])


@pytest.mark.parametrize("catalog", CATALOGS, ids=lambda catalog: catalog.version)
def test_validate_terms__those_of_the_catalog__are_taken(catalog) -> None:
    for model in catalog.models:
        for multiplier_bps in (model.multiplier_bps, None):
            given = {"catalog_version": catalog.version, "model_name": model.name}
            outcome = validate_terms(
                **given, multiplier_bps=multiplier_bps, latency_class=model.latency_class
            )
            assert outcome is None


def test_validate_terms__of_an_operators_own_table__may_be_any() -> None:
    own = overlay(CATALOG, [replace(MODEL, name="own", multiplier_bps=Bps(5))])

    assert _terms(catalog_version=own.version, model_name="other", latency_class="any") is None


FIGURES = ["promptPrice", "outputPrice", "workerFloorPrice", "basisRawPerMicrocredit"]


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("value", ["1.5", "-1", "1e9", " 1", "01", ""])
def test_parse_epoch__figure_that_is_no_integer__is_refused_by_name(name: str, value: str) -> None:
    refusal = Refusal(
        lambda: parse_epoch(json.dumps({**epoch_json(EPOCH), name: value})), (name,), name
    )

    assert refuse(refusal) == (refusal.kind, name, [])
