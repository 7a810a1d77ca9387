"""The core of a receipt as it is recorded: any core comes back, and each has one spelling."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from basis.rules.errors import DamagedRecord
from basis.rules.receipt import ReceiptCore
from basis.rules.units import AmountRaw
from basis.storage.receipt_store import encode_core, parse_core
from tests.support.books import make_finished

CORE = make_finished(1).core
AMOUNTS = ["totalChargedRaw", "workerRewardRaw", "protocolFeeRaw"]
_amounts = st.integers(min_value=0, max_value=2**256 - 1).map(AmountRaw)
_cores = st.builds(
    lambda total, reward, fee, user: replace(
        CORE,
        total_charged_raw=total,
        worker_reward_raw=reward,
        protocol_fee_raw=fee,
        user_id=user,
    ),
    _amounts,
    _amounts,
    _amounts,
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20),
)


def spelt(**changes: object) -> str:
    """The record of `CORE` with some of its fields spelt otherwise, field by field."""
    return json.dumps({**json.loads(encode_core(CORE)), **changes}, separators=(",", ":"))


@given(_cores)
def test_core__any__comes_back_as_it_was_recorded(core: ReceiptCore) -> None:
    assert parse_core(encode_core(core)) == core


@pytest.mark.parametrize("field", AMOUNTS)
@pytest.mark.parametrize("text", ["", "+1", "-0", "-1", "010", " 1", "1\n", "1_0", "\u0661", "1.0"])
def test_core__amount_in_another_spelling__is_damaged(field: str, text: str) -> None:
    with pytest.raises(DamagedRecord, match=field):
        parse_core(spelt(**{field: text}))


@given(st.sampled_from(AMOUNTS), st.text(alphabet="+-_. 0123456789\u0660\u0661", max_size=6))
def test_core__amount_of_any_text__is_read_back_letter_by_letter_or_damaged(
    field: str, text: str
) -> None:
    try:
        core = parse_core(spelt(**{field: text}))
    except DamagedRecord:
        return
    assert json.loads(encode_core(core))[field] == text


@pytest.mark.parametrize(
    "record",
    [
        spelt().replace(",", ", "),
        spelt().replace('"chainId"', '"chainId":1,"chainId"'),
        spelt().replace("job_0001", "job_000\\u0031"),
        spelt() + "\n",
    ],
    ids=["spaces", "field twice", "escape", "line end"],
)
def test_core__other_json_of_the_same_values__is_damaged(record: str) -> None:
    with pytest.raises(DamagedRecord, match="job_0001 is not spelt"):
        parse_core(record)


@pytest.mark.parametrize(
    "record",
    ["", "[]", spelt(bonusRaw="1"), spelt(chainId="8453"), spelt(promptTokens=13.0)],
)
def test_core__of_another_shape__is_damaged(record: str) -> None:
    with pytest.raises(DamagedRecord, match="core of a receipt is damaged"):
        parse_core(record)
