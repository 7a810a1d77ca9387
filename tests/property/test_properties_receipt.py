"""The receipt hash: each field counts, and nothing else does."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_strategies import receipt_cores

from basis.rules.canonical import canonical_json
from basis.rules.receipt import ReceiptCore, canonical_core, compute_receipt_hash, core_json

FIELDS = [field.name for field in fields(ReceiptCore)]


def _with_another(core: ReceiptCore, name: str) -> ReceiptCore:
    """`core` with another value in the field `name`, still one that a job can have."""
    value = getattr(core, name)
    if name == "created_at":
        return replace(core, created_at=value.replace(".000Z", ".001Z"))
    if isinstance(value, str):
        return replace(core, **{name: value + "x"})
    if name in {"worker_reward_raw", "protocol_fee_raw"}:
        roomy = replace(core, total_charged_raw=core.total_charged_raw + 1)
        return replace(roomy, **{name: value + 1})
    return replace(core, **{name: value - 1 if value == 2**53 - 1 else value + 1})


@pytest.mark.parametrize("name", FIELDS)
@given(core=receipt_cores())
def test_receipt_hash__any_field_changed__is_another(name: str, core: ReceiptCore) -> None:
    changed = _with_another(core, name)
    if name in {"worker_reward_raw", "protocol_fee_raw"}:
        core = replace(core, total_charged_raw=changed.total_charged_raw)
    assert compute_receipt_hash(changed) != compute_receipt_hash(core)


@given(receipt_cores())
def test_receipt_hash__equal_core__is_the_same_64_digits(core: ReceiptCore) -> None:
    receipt_hash = compute_receipt_hash(core)
    assert receipt_hash == compute_receipt_hash(replace(core))
    assert len(receipt_hash) == 64
    assert set(receipt_hash) <= set("0123456789abcdef")


@given(receipt_cores())
def test_core_json__any__has_one_member_per_field_and_amounts_as_text(core: ReceiptCore) -> None:
    document = core_json(core)
    assert len(document) == len(FIELDS)
    assert document["totalChargedRaw"] == str(core.total_charged_raw)
    assert all(isinstance(value, str) for name, value in document.items() if name.endswith("Raw"))


@given(receipt_cores(), st.sampled_from(["userId", "workerId", "modelId"]))
def test_receipt_hash__text_moved_to_the_next_field__is_another(
    core: ReceiptCore, name: str
) -> None:
    # A hash over fields joined without borders could not tell these two apart.
    one = replace(core, user_id=core.user_id + name, worker_id=core.worker_id)
    other = replace(core, user_id=core.user_id, worker_id=name + core.worker_id)
    assert compute_receipt_hash(one) != compute_receipt_hash(other)


@given(core=receipt_cores())
def test_canonical_core__of_any_receipt__is_the_bytes_that_are_hashed(core: ReceiptCore) -> None:
    assert canonical_core(*core_json(core).values()) == canonical_json(core_json(core))
