"""What must hold at the end of the demo, each check in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from demo.customers import Answer, Outcome, Way

Receipts = dict[str, Any]
"""Receipts as the API publishes them, by the hex part of their job id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A claim and whether it held; `detail` says with which figures."""

    claim: str
    holds: bool
    detail: str


def job_key(answer_id: str) -> str:
    """What `chatcmpl-X`, `cmpl-X` and `job_X` have in common."""
    return answer_id.replace("_", "-").rpartition("-")[2]


def check_receipts(answers: list[Answer], receipts: Receipts, *, victim: str) -> list[Check]:
    """Each request that reached a job has one receipt that says what its customer saw."""
    known = [answer for answer in answers if answer.job_id]
    unasked = receipts.keys() - {job_key(answer.job_id) for answer in known}
    missing = [answer for answer in known if job_key(answer.job_id) not in receipts]
    completed = [answer for answer in known if answer.outcome is Outcome.COMPLETED]
    unequal = [answer for answer in completed if not _tokens_agree(answer, receipts)]
    broken = [answer for answer in answers if answer.outcome is Outcome.BROKEN_OFF]
    free = [answer for answer in broken if _is_free(answer, receipts, worker=victim)]
    left = [answer for answer in known if answer.outcome is Outcome.LEFT_BY_CUSTOMER]
    left_length = max((answer.ask.max_tokens for answer in left), default=0)
    stopped = [answer for answer in left if _was_stopped(answer, receipts)]
    return [
        Check(
            claim="each request has one receipt, and each receipt a request",
            holds=not missing
            and len(known) == len(answers) - _unbegun(answers) > 0
            and len(unasked) <= _unbegun(answers),
            detail=f"{len(known)} requests, {len(missing)} without, {len(unasked)} receipts more",
        ),
        Check(
            claim="each receipt counts the tokens that its customer was told",
            holds=not unequal,
            detail=f"{len(completed)} compared, {len(unequal)} differ",
        ),
        Check(
            claim="what broke off was the killed worker's, and charged and paid nothing",
            holds=len(free) == len(broken),
            detail=f"{len(free)} of {len(broken)} receipts",
        ),
        Check(
            claim="a customer who leaves stops the worker, and pays for what was delivered",
            holds=len(stopped) * 2 >= len(left) > 0,
            detail=f"{len(left)} left answers of up to {left_length} tokens, "
            f"{len(stopped)} were cut short, the others written before they knew",
        ),
    ]


def check_answers(answers: list[Answer], *, killed_slots: int) -> list[Check]:
    """The model really answers, and a killed worker costs no more than what it was at."""
    judged = [
        answer
        for answer in answers
        if answer.outcome is Outcome.COMPLETED
        and answer.ask.expected is not None
        and answer.ask.way in {Way.STREAM, Way.PLAIN}
    ]
    right = [answer for answer in judged if answer.text.strip(" .") == answer.ask.expected]
    counts = Counter(answer.outcome for answer in answers)
    return [
        Check(
            claim="the model really answers (sums and capitals, exactly)",
            holds=bool(judged) and len(right) * 100 >= len(judged) * 90,
            detail=f"{len(right)} of {len(judged)} exact",
        ),
        Check(
            claim="nothing was refused",
            holds=counts[Outcome.REFUSED] == 0,
            detail="; ".join(sorted({a.error for a in answers if a.error})) or "no errors at all",
        ),
        Check(
            claim="the kill broke off streams, no more than the worker had slots",
            holds=0 < counts[Outcome.BROKEN_OFF] <= killed_slots,
            detail=f"{counts[Outcome.BROKEN_OFF]} streams; it had {killed_slots} slots",
        ),
    ]


def check_settlement(
    first: dict[str, Any], second: dict[str, Any], receipts: Receipts, verdict: dict[str, Any]
) -> list[Check]:
    """The batch is idempotent, pays exactly its receipts, and everything recomputes."""
    earned = sum(int(receipt["core"]["workerRewardRaw"]) for receipt in receipts.values())
    return [
        Check(
            claim="closing the batch twice gives one hash",
            holds=first["hash"] == second["hash"],
            detail=f"{first['hash'][:16]}...",
        ),
        Check(
            claim="the batch pays the sum of its receipts, to the last unit",
            holds=int(first["totalRaw"]) == earned > 0,
            detail=f"{first['totalRaw']} = {earned}",
        ),
        Check(
            claim="the recompute finds every figure equal",
            holds=verdict["equal"] is True,
            detail=verdict["difference"]
            or f"{verdict['receipts']} receipts, {verdict['ledger_entries']} ledger entries",
        ),
    ]


def _unbegun(answers: list[Answer]) -> int:
    """Requests that ended before their customer could learn the job's id."""
    return sum(not answer.job_id for answer in answers)


def _tokens_agree(answer: Answer, receipts: Receipts) -> bool:
    receipt = receipts.get(job_key(answer.job_id))
    return (
        receipt is not None
        and receipt["status"] == "completed"
        and receipt["core"]["promptTokens"] == answer.prompt_tokens
        and receipt["core"]["outputTokens"] == answer.output_tokens
    )


def _is_free(answer: Answer, receipts: Receipts, *, worker: str) -> bool:
    receipt = receipts.get(job_key(answer.job_id))
    return (
        receipt is not None
        and receipt["status"] == "failed"
        and receipt["core"]["workerId"] == worker
        and receipt["core"]["totalChargedRaw"] == "0"
    )


def _was_stopped(answer: Answer, receipts: Receipts) -> bool:
    """Whether the answer was cut short and charged so; a fast worker may have been at its end."""
    receipt = receipts.get(job_key(answer.job_id))
    return (
        receipt is not None
        and receipt["details"]["finishReason"] == "cancelled"
        and 0 < receipt["core"]["outputTokens"] < answer.ask.max_tokens
    )
