"""From holdings to boosts, by vectors/boosts.json; and the dates of the tables."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from rule_vectors import Case, load_vectors, vector_cases

from basis.rules.assignments import assignment_json, compute_assignment_hash, parse_assignment
from basis.rules.boost_tables import (
    BOOST_TABLES,
    BoostTables,
    boost_tables_in_force,
    boost_tables_of_version,
    rule_in_force,
)
from basis.rules.boosts import (
    BoostAssignment,
    Source,
    WorkerClaim,
    compute_assignment,
    compute_grant,
    recompute_assignment,
)
from basis.rules.canonical import canonical_json
from basis.rules.errors import InvalidInput
from basis.rules.gpus import GPU_TABLES, ClaimedGpu
from basis.rules.holdings import Measure, SnapshotHash
from basis.rules.job import WorkerId
from basis.rules.wallet import Wallet

TABLES = BOOST_TABLES[-1]
EACH_TABLE = pytest.mark.parametrize("tables", BOOST_TABLES, ids=lambda tables: tables.version)


def _source(written: Case) -> Source:
    return Source(
        measure=Measure(written["measure"]),
        snapshot_hash=SnapshotHash(written["snapshotHash"]),
        amount_raw=int(written["amountRaw"]),
        decimals=written["decimals"],
    )


def _assignment(case: Case) -> BoostAssignment:
    return compute_assignment(
        boost_tables_of_version(load_vectors("boosts")["tables"]["version"]),
        wallet=Wallet(case["wallet"]),
        claims=[
            WorkerClaim(
                worker_id=WorkerId(claim["workerId"]),
                gpus=tuple(ClaimedGpu(name=name, memory_mib=0) for name in claim["gpus"]),
            )
            for claim in case["claims"]
        ],
        sources=[_source(source) for source in case["sources"]],
    )


ASSIGNMENTS = vector_cases("boosts", function="compute_assignment", refused=False)


@pytest.mark.parametrize("case", vector_cases("boosts", function="compute_grant", refused=False))
def test_compute_grant__vector__gives_boost_and_limit(case: Case) -> None:
    grant = compute_grant(TABLES, _source(case["source"]))
    expected = case["expected"]
    assert (grant.boost_bps, grant.gpu_limit) == (expected["boostBps"], expected["gpuLimit"])


@pytest.mark.parametrize("case", vector_cases("boosts", function="compute_grant", refused=True))
def test_compute_grant__unusable_source__raises(case: Case) -> None:
    with pytest.raises(InvalidInput) as caught:
        compute_grant(TABLES, _source(case["source"]))
    assert (caught.value.code, caught.value.param) == (case["refused"], case["param"])


def test_compute_grant__measure_without_a_rule__raises() -> None:
    nfts_only = replace(TABLES, rules=TABLES.rules[:1])
    source = Source(
        measure=Measure.STAKE, snapshot_hash=SnapshotHash("11"), amount_raw=1, decimals=18
    )
    with pytest.raises(InvalidInput) as caught:
        compute_grant(nfts_only, source)
    assert caught.value.param == "measure"


@pytest.mark.parametrize("case", ASSIGNMENTS)
def test_compute_assignment__vector__gives_record_and_hash(case: Case) -> None:
    assignment = _assignment(case)
    expected = case["expected"]
    assert assignment_json(assignment) == expected["record"]
    assert canonical_json(assignment_json(assignment)).decode() == expected["canonical"]
    assert compute_assignment_hash(assignment) == expected["hash"]


@pytest.mark.parametrize(
    "case", vector_cases("boosts", function="compute_assignment", refused=True)
)
def test_compute_assignment__doubled_input__raises(case: Case) -> None:
    with pytest.raises(InvalidInput) as caught:
        _assignment(case)
    assert (caught.value.code, caught.value.param) == (case["refused"], case["param"])


@pytest.mark.parametrize("case", ASSIGNMENTS)
def test_parse_assignment__what_was_written__is_read_and_recomputed(case: Case) -> None:
    read = parse_assignment(case["expected"]["canonical"])
    assert read == _assignment(case)
    assert recompute_assignment(read) == read


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"boostBps":11000,"count"', '"boostBps":12000,"count"'),
        ('"gpuLimit":3', '"gpuLimit":6'),
        ('"amountRaw":"1"', '"amountRaw":"9"'),
        ('"workers":[{"boostBps":11000', '"workers":[{"boostBps":11001'),
    ],
)
def test_recompute_assignment__changed_figure__is_not_the_recorded_one(old: str, new: str) -> None:
    written = ASSIGNMENTS[0].values[0]["expected"]["canonical"]
    assert old in written
    changed = parse_assignment(written.replace(old, new))
    assert recompute_assignment(changed) != changed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"assignmentVersion":1', '"assignmentVersion":2'),
        ('"assignmentVersion":1', '"assignmentVersion":1,"more":1'),
        ('"assignmentVersion":1,', ""),
        ('"count":1', '"count":0'),
        ('"count":1', '"count":257'),
        ('"count":1', '"count":"1"'),
        ('"count":1', '"count":1,"more":1'),
        ('"index":0', '"index":-1'),
        ('"index":0', '"index":0.5'),
        ('"measure":"nft","name"', '"measure":"love","name"'),
        ('"workerId":"alice-1"', '"workerId":"alice 1"'),
        ('"amountRaw":"1"', '"amountRaw":"-1"'),
        ('"amountRaw":"1"', '"amountRaw":"1.5"'),
        ('"decimals":0', '"decimals":true'),
        ('"wallet":"0x5a', '"wallet":"0x'),
        ('"grants":[', '"grants":[[],'),
        ("{", ""),
    ],
)
def test_parse_assignment__not_as_it_is_written__raises(old: str, new: str) -> None:
    written = ASSIGNMENTS[0].values[0]["expected"]["canonical"]
    assert old in written
    with pytest.raises(InvalidInput):
        parse_assignment(written.replace(old, new, 1))


def test_parse_assignment__gpus_of_a_worker__are_256_at_most() -> None:
    written = ASSIGNMENTS[0].values[0]["expected"]["canonical"]
    last = written.replace('"count":1,"index":0', '"count":6,"index":250')
    assert parse_assignment(last).runs[0].index == 250
    with pytest.raises(InvalidInput, match="250"):
        parse_assignment(last.replace('"count":6', '"count":7'))


def test_compute_grant__decimals__are_36_at_most() -> None:
    source = Source(
        measure=Measure.STAKE,
        snapshot_hash=SnapshotHash("11"),
        amount_raw=1_000 * 10**36,
        decimals=36,
    )
    assert compute_grant(TABLES, source).gpu_limit == 3


def test_boost_of__worker_without_a_gpu__is_1x() -> None:
    assignment = _assignment(ASSIGNMENTS[0].values[0])
    assert (assignment.boost_of("alice-1"), assignment.boost_of("stranger")) == (11_000, 10_000)


def test_tables__of_the_vectors__are_those_published() -> None:
    written = load_vectors("boosts")["tables"]
    tables = boost_tables_of_version(written["version"])
    assert (tables.effective_from, tables.gpus_version) == (
        written["effectiveFrom"],
        written["gpusVersion"],
    )
    assert [
        {
            "measure": rule.measure.value,
            "effectiveFrom": rule.effective_from,
            "effectiveUntil": rule.effective_until,
            "decimals": rule.decimals,
            "unitRaw": str(rule.unit_raw),
            "gpusPerUnit": rule.gpus_per_unit,
            "steps": [[str(at_least), boost_bps] for at_least, boost_bps in rule.steps],
        }
        for rule in tables.rules
    ] == written["rules"]


def test_boost_tables_of_version__never_published__raises() -> None:
    with pytest.raises(InvalidInput) as caught:
        boost_tables_of_version("1999-12-31")
    assert caught.value.param == "boosts_version"


@pytest.mark.parametrize(
    ("at", "version"),
    [
        ("2026-11-22T23:59:59.999Z", None),
        ("2026-11-23", "2026-11-23"),
        ("2026-11-23T00:00:00.000Z", "2026-11-23"),
        ("2999-01-01T00:00:00.000Z", BOOST_TABLES[-1].version),
    ],
)
def test_boost_tables_in_force__day_of_a_table__begins_it(at: str, version: str | None) -> None:
    tables = boost_tables_in_force(at)
    assert (tables and tables.version) == version


@pytest.mark.parametrize(
    ("at", "nft", "stake"),
    [
        ("2026-11-23T00:00:00.000Z", True, False),
        ("2026-12-31T23:59:59.999Z", True, False),
        ("2027-01-01", False, True),
        ("2027-01-01T00:00:00.000Z", False, True),
    ],
)
def test_rule_in_force__nfts_until_the_token_event__stake_from_then_on(
    at: str, nft: bool, stake: bool
) -> None:
    event = "2027-01-01"
    nft_rule, stake_rule = TABLES.rules
    tables = replace(
        TABLES,
        rules=(replace(nft_rule, effective_until=event), replace(stake_rule, effective_from=event)),
    )
    assert (rule_in_force(tables, Measure.NFT, at=at) is not None) is nft
    assert (rule_in_force(tables, Measure.STAKE, at=at) is not None) is stake


@EACH_TABLE
def test_boost_tables__published__grow_with_the_holding_from_one_unit_on(
    tables: BoostTables,
) -> None:
    for rule in tables.rules:
        assert rule.steps[-1][0] == rule.unit_raw > 0
        assert all(more[0] > less[0] and more[1] > less[1] for more, less in pairwise(rule.steps))
        assert all(10_000 < boost_bps <= 15_000 for _, boost_bps in rule.steps)


@EACH_TABLE
def test_boost_tables__published__have_one_rule_a_measure_and_known_gpus(
    tables: BoostTables,
) -> None:
    measures = [rule.measure for rule in tables.rules]
    assert len(set(measures)) == len(measures)
    assert tables.gpus_version in {table.version for table in GPU_TABLES}
    assert {rule.gpus_per_unit for rule in tables.rules if rule.measure is Measure.NFT} == {3}
