"""What hypothesis may put into the rules: amounts, rates, receipts, entries, batches."""

from __future__ import annotations

from datetime import datetime

from hypothesis import strategies as st

from basis.rules.batch import PayableReceipt
from basis.rules.factors import Factors
from basis.rules.job import JobId, JobStatus, UserId, WorkerId
from basis.rules.ledger import AccountPath, Entry, Posting, make_entry
from basis.rules.receipt import ReceiptCore, ReceiptHash
from basis.rules.reward import Penalty, RewardBreakdown, compute_reward
from basis.rules.units import AmountRaw, Bps, TokenCount
from basis.rules.wallet import Wallet, parse_wallet

small_integers = st.integers(min_value=0, max_value=50)
amounts = (small_integers | st.integers(min_value=0, max_value=2**160)).map(AmountRaw)
rates = st.integers(min_value=0, max_value=10_000).map(Bps)
token_counts = st.integers(min_value=0, max_value=2_000_000).map(TokenCount)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
"""Any Unicode but lone surrogates, which have no UTF-8 form."""

WALLETS: tuple[Wallet, ...] = tuple(
    parse_wallet(f"0x{digit}{'ab' * 19}{digit}") for digit in "123456789abcdef"
)
wallets = st.sampled_from(WALLETS)

factors = st.builds(Factors, quality_bps=rates, uptime_bps=rates, latency_bps=rates)
penalties = st.lists(
    st.builds(Penalty, reason=st.sampled_from(["canary", "throughput"]), amount_raw=amounts),
    max_size=4,
)


moments = st.datetimes(min_value=datetime(2026, 1, 1)).map(  # noqa: DTZ001 - hypothesis adds none
    lambda moment: moment.replace(microsecond=0)
)


@st.composite
def breakdowns(draw: st.DrawFn) -> RewardBreakdown:
    """The breakdown of any job that is in range."""
    return compute_reward(
        status=draw(st.sampled_from(JobStatus)),
        worker_wallet=draw(st.just("") | wallets),
        charge_raw=draw(amounts),
        fee_bps=draw(rates),
        factors=draw(factors),
        penalties=draw(penalties),
    )


@st.composite
def receipt_cores(draw: st.DrawFn) -> ReceiptCore:
    """Any core that `validate_core` accepts."""
    reward_raw, fee_raw, rest_raw = draw(amounts), draw(amounts), draw(amounts)
    counts = st.integers(min_value=0, max_value=2**53 - 1)
    return ReceiptCore(
        job_id=JobId(draw(texts)),
        user_id=UserId(draw(texts)),
        user_wallet=draw(st.just("") | wallets),
        worker_id=WorkerId(draw(texts)),
        worker_wallet=draw(st.just("") | wallets),
        model_id=draw(texts),
        prompt_tokens=draw(token_counts),
        output_tokens=draw(token_counts),
        latency_ms=draw(counts),
        quality_bps=draw(rates),
        uptime_bps=draw(rates),
        latency_bps=draw(rates),
        model_multiplier_bps=draw(rates),
        total_charged_raw=AmountRaw(reward_raw + fee_raw + rest_raw),
        worker_reward_raw=reward_raw,
        protocol_fee_raw=fee_raw,
        token_symbol=draw(texts),
        token_address=draw(st.just("") | wallets),
        created_at=f"{draw(moments).isoformat()}.000Z",
        chain_id=draw(counts),
        receipt_version=draw(counts),
    )


@st.composite
def posting_lists(draw: st.DrawFn) -> list[Posting]:
    """Postings between a few accounts that sum to zero for each asset."""
    accounts = st.sampled_from(["a", "b", "c", "network/fee"]).map(AccountPath)
    postings: list[Posting] = []
    for asset in draw(st.lists(st.sampled_from(["BASIS", "CREDIT"]), max_size=2, unique=True)):
        moved = draw(st.lists(st.integers(min_value=-(2**130), max_value=2**130), max_size=5))
        postings += [
            Posting(account=draw(accounts), asset=asset, amount_raw=amount)
            for amount in (*moved, -sum(moved))
        ]
    return postings


@st.composite
def entry_logs(draw: st.DrawFn) -> list[Entry]:
    """A ledger's log: each entry has a cause of its own."""
    return [
        make_entry(kind="transfer", cause=f"cause {number}", postings=postings)
        for number, postings in enumerate(draw(st.lists(posting_lists(), max_size=8)))
    ]


@st.composite
def payable_receipts(draw: st.DrawFn) -> list[PayableReceipt]:
    """One receipt or more, each with a hash of its own and a reward."""
    numbers = draw(
        st.lists(
            st.integers(min_value=0, max_value=2**256 - 1), min_size=1, max_size=12, unique=True
        )
    )
    return [
        PayableReceipt(
            receipt_hash=ReceiptHash(f"{number:064x}"),
            worker_wallet=draw(wallets),
            reward_raw=AmountRaw(draw(st.integers(min_value=1, max_value=2**130))),
        )
        for number in numbers
    ]
