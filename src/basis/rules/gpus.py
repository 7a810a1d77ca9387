"""Which GPU a claimed name stands for, and which of two is the stronger.

A table is one list, strongest first. Two orders follow from it:
    within a series    the mission's: 3060 < 3070 < 3080 < 3090, a Ti above its plain number,
                       A4000 < A4500 < A5000 < A100 < H100. Only this one decides a hardware floor.
    across all series  ours: for sorting, so that everybody assigns boosts alike.
Across series nothing is "at least" anything, but for what a floor list itself names side by side.
A name is a worker's claim: evidence, never proof.
Source: mission P4; where a card that P4 does not name stands is ours to choose, version 2026-11-23.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from basis.rules.errors import InvalidInput


class GpuSeries(enum.StrEnum):
    """Within one of these the table's order says which card is at least another."""

    CONSUMER_20 = "consumer-20"
    CONSUMER_30 = "consumer-30"
    CONSUMER_40 = "consumer-40"
    CONSUMER_50 = "consumer-50"
    DATACENTER = "datacenter"
    """With the cards for workstations, as in P4."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A known card; `rank` is its place in its table, 0 the strongest."""

    name: str
    series: GpuSeries
    rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuTable:
    """One dated order of all known cards."""

    version: str
    effective_from: str
    by_key: Mapping[str, Gpu]
    """By the words of a name that tell cards apart: see `parse_gpu`. Strongest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedGpu:
    """One card of a worker's, as it says; 0 MiB where it does not say."""

    name: str
    memory_mib: int


_LONGEST_NAME = 100
_MOST_CARDS = 256
_WORD = re.compile(r"[a-z]+[0-9]+[a-z]*|[0-9]+[a-z]*|[a-z]+")
_GLUED = re.compile(r"([0-9]{4})(ti|super|d)")
"""`4060Ti`, as the seed writes it."""
_SILENT = re.compile(
    r"nvidia|geforce|rtx|tesla|gpu|graphics|card|generation|edition|workstation|server|founders"
    r"|design|with|tensor|core|lhr|oc|tm|r|sxm[0-9]?|pcie|nvl|hbm[0-9]?e?|[0-9]+gb?"
)
"""Words that do not tell one card from another: maker, brand, form and size of the memory."""
_LAPTOP_WORDS = {"laptop": "laptop", "mobile": "laptop", "notebook": "laptop", "max": "laptop"}


def parse_gpu(table: GpuTable, claimed_name: str) -> Gpu | None:
    """The card that a name as drivers and people write it stands for; None if it is not known.

    Every word must be understood: a MIG slice, a virtual GPU or another maker's card of a like
    number is not the card. Form and memory size are ignored.
    """
    if len(claimed_name) > _LONGEST_NAME:
        return None
    return table.by_key.get(_key(claimed_name))


def is_at_least(gpu: Gpu, floors: Sequence[Gpu]) -> bool:
    """Whether `gpu` reaches a floor of its own series. A series that has none reaches nothing."""
    return any(gpu.series is floor.series and gpu.rank <= floor.rank for floor in floors)


def compute_rank(table: GpuTable, claimed_name: str) -> int:
    """The place for sorting, strongest first; all unknown cards share the one after the last."""
    gpu = parse_gpu(table, claimed_name)
    return len(table.by_key) if gpu is None else gpu.rank


def split_claim(table: GpuTable, *, name: str, count: int, memory_mib: int) -> list[ClaimedGpu]:
    """The single cards of a claim for a whole machine, strongest first.

    `name` joins different names by ` + `; `memory_mib` is the sum over all cards. How often each
    name stands in the machine, and which card has how much, a claim does not say: every name counts
    once and the weakest one for the rest; the memory is shared evenly, so that its sum stays.
    A claim of more than 256 cards is read as 256.

    Raises:
        InvalidInput: a count or memory that is negative.
    """
    if count < 0 or memory_mib < 0:
        raise InvalidInput(f"{count} GPUs of {memory_mib} MiB are claimed", param="hardware")
    names = sorted(
        (part.strip() for part in name.split(" + ")),
        key=lambda part: (compute_rank(table, part), part),
    )
    cards = min(count, _MOST_CARDS)
    if not cards:
        return []
    names = names[:cards] + names[-1:] * (cards - len(names))
    share_mib, rest_mib = divmod(memory_mib, cards)
    return [
        ClaimedGpu(name=part, memory_mib=share_mib + (1 if index < rest_mib else 0))
        for index, part in enumerate(names)
    ]


def gpu_table_of_version(version: str) -> GpuTable:
    """The table that a record names.

    Raises:
        InvalidInput: none of this version was ever published.
    """
    for table in GPU_TABLES:
        if table.version == version:
            return table
    raise InvalidInput(f"no GPU table {version!r} is known", param="gpus_version")


def _key(name: str) -> str:
    """The words that tell cards apart, in their order: `NVIDIA A100-SXM4-80GB` is `a100`."""
    words: list[str] = _WORD.findall(
        _GLUED.sub(r"\1 \2", name.lower().replace("tisuper", "ti super"))
    )
    kept = [_LAPTOP_WORDS.get(word, word) for word in words if not _SILENT.fullmatch(word)]
    return " ".join(kept).replace("laptop q", "laptop")


def _table(version: str, ordered: Sequence[tuple[GpuSeries, str]]) -> GpuTable:
    """`ordered` holds (series, names separated by commas), strongest first."""
    rows = [(series, name.strip()) for series, names in ordered for name in names.split(",")]
    return GpuTable(
        version=version,
        effective_from=version,
        by_key={
            _key(name): Gpu(name=name, series=series, rank=rank)
            for rank, (series, name) in enumerate(rows)
        },
    )


_C20, _C30 = GpuSeries.CONSUMER_20, GpuSeries.CONSUMER_30
_C40, _C50 = GpuSeries.CONSUMER_40, GpuSeries.CONSUMER_50
_DC = GpuSeries.DATACENTER

GPUS_2026_11_23 = _table(
    "2026-11-23",
    # A laptop's card stands where its arithmetic does, one or two numbers below its desktop
    # namesake. Cards older than the 30-series stand below every floor.
    (
        (_DC, "GB300, B300, GB200, B200, GH200, H200, H100, H800"),
        (_DC, "RTX PRO 6000 Blackwell, RTX PRO 6000 Blackwell Max-Q"),
        (_C50, "RTX 5090, RTX 5090 D"),
        (_DC, "L40S, RTX 6000 Ada, RTX PRO 5000 Blackwell, A100, A800"),
        (_C40, "RTX 4090, RTX 4090 D"),
        (_DC, "L40, RTX 5000 Ada, RTX PRO 4500 Blackwell"),
        (_C50, "RTX 5080"),
        (_C40, "RTX 4080 SUPER, RTX 4080"),
        (_C50, "RTX 5070 Ti"),
        (_C40, "RTX 4070 Ti SUPER, RTX 4070 Ti"),
        (_DC, "A6000, A40, RTX PRO 4000 Blackwell, RTX 4500 Ada"),
        (_C30, "RTX 3090 Ti, RTX 3090"),
        (_C40, "RTX 4070 SUPER"),
        (_C30, "RTX 3080 Ti"),
        (_C50, "RTX 5090 Laptop, RTX 5070"),
        (_C40, "RTX 4090 Laptop, RTX 4070"),
        (_C30, "RTX 3080"),
        (_DC, "A10, A10G, A5500, A30, A5000, RTX 4000 Ada, L4, A4500"),
        (_C50, "RTX 5080 Laptop, RTX 5060 Ti"),
        (_C40, "RTX 4080 Laptop, RTX 4060 Ti"),
        (_C30, "RTX 3070 Ti, RTX 3080 Ti Laptop, RTX 3070"),
        (_DC, "RTX 4000 SFF Ada, A4000"),
        (_C50, "RTX 5060, RTX 5070 Ti Laptop, RTX 5070 Laptop"),
        (_C30, "RTX 3080 Laptop, RTX 3060 Ti, RTX 3070 Ti Laptop, RTX 3070 Laptop"),
        (_C40, "RTX 4070 Laptop, RTX 4060"),
        (_DC, "RTX 2000 Ada, A5000 Laptop, A4000 Laptop, A3000 Laptop"),
        (_C50, "RTX 5060 Laptop, RTX 5050, RTX 5050 Laptop"),
        (_C30, "RTX 3060"),
        (_C40, "RTX 4060 Laptop, RTX 4050 Laptop"),
        (_C30, "RTX 3060 Laptop"),
        (_C20, "RTX 2080 Ti, RTX 2080 SUPER, RTX 2080, RTX 2070 SUPER, RTX 2070"),
        (_C20, "RTX 2060 SUPER, RTX 2060"),
        (_DC, "V100, A2000, T4, P100"),
        (_C30, "RTX 3050, RTX 3050 Ti Laptop, RTX 3050 Laptop"),
    ),
)

GPU_TABLES: tuple[GpuTable, ...] = (GPUS_2026_11_23,)
"""Every order that was ever published, oldest first; the last one is in force."""
