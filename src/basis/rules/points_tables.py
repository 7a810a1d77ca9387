"""Multipliers and hardware floors of points: what the sources published, and what is in force here.

Rows of a table are never edited: a change is a new table with a version and a date. The tables of
other networks are kept as history with vectors for each row; none of them judges a job here.
Source: mission P1 to P4; which rows are ours stands at each table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from basis.rules.errors import InvalidInput
from basis.rules.gpus import GPUS_2026_11_23, Gpu, GpuTable
from basis.rules.units import Bps


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmRow:
    """What a token of one model counts, and how much GPU memory its worker must claim."""

    multiplier_bps: Bps
    min_vram_mib: int
    """Over all cards of the worker together; 0: a machine without a GPU will do."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRow:
    """What a pixel-step of one category counts, and which cards are enough for it."""

    multiplier_bps: Bps
    floors: tuple[Gpu, ...]
    """One card of the worker must be at least one of these; none: any machine will do."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsTable:
    """One dated set. A model id or category that has no row is not spelt like another."""

    version: str
    effective_from: str
    """ISO 8601 date; "" where the source bears none."""
    gpus: GpuTable
    llm: Mapping[str, LlmRow]
    """By model id."""
    image: Mapping[str, ImageRow]
    """By category."""
    falls_back_to_catalog: bool
    """Whether a model without a row counts by its multiplier in the catalog, without a floor."""


def _mib(gigabytes: int) -> int:
    """A floor in GB of 10^9 bytes, so that every card sold as such reaches it."""
    return gigabytes * 10**9 // 2**20


def _cards(*names: str) -> tuple[Gpu, ...]:
    return tuple(GPUS_2026_11_23.by_key[name] for name in names)


_OF_SD15 = _cards("3070", "4060 ti", "a4000")
_OF_SDXL = _cards("3090", "4080", "a4500")
_OF_FLUX = _cards("4090", "a100")

SEASON_1 = PointsTable(
    version="public-season-1",
    effective_from="2024-04-01",
    gpus=GPUS_2026_11_23,
    llm={
        "mixtral-8x7b": LlmRow(
            multiplier_bps=Bps(10_000), min_vram_mib=0, note="the unit of Llama Points"
        ),
    },
    image={
        "sd-1.5": ImageRow(multiplier_bps=Bps(10_000), floors=(), note="the unit of Waifu Points"),
    },
    falls_back_to_catalog=False,
)
"""History: the units in which points were first announced. Source: mission P1."""

_SEED_LLM: Mapping[str, LlmRow] = {
    "dolphin-2.9-llama3-8b": LlmRow(multiplier_bps=Bps(2_400), min_vram_mib=_mib(16)),
    "openhermes-2-pro-mistral-7b": LlmRow(
        multiplier_bps=Bps(2_000), min_vram_mib=_mib(16), note="to be discontinued"
    ),
    "openhermes-mixtral-8x7b-gptq": LlmRow(multiplier_bps=Bps(10_000), min_vram_mib=_mib(40)),
}
_SEED_IMAGE: Mapping[str, ImageRow] = {
    "sd-1.5": ImageRow(
        multiplier_bps=Bps(3_000), floors=_OF_SD15, note="Stable Diffusion 1.5 checkpoint and LoRA"
    ),
    "sdxl": ImageRow(
        multiplier_bps=Bps(10_000), floors=_OF_SDXL, note="Stable Diffusion XL checkpoint"
    ),
    "sdxl-lora": ImageRow(
        multiplier_bps=Bps(12_000), floors=_OF_SDXL, note="Stable Diffusion XL LoRA"
    ),
    "flux-1-dev-nf4": ImageRow(
        multiplier_bps=Bps(100_000), floors=_OF_FLUX, note="Flux.1 [dev], nf4"
    ),
}

SEED = PointsTable(
    version="public-seed",
    effective_from="",
    gpus=GPUS_2026_11_23,
    llm=_SEED_LLM,
    image=_SEED_IMAGE,
    falls_back_to_catalog=False,
)
"""History: the tables of the seed document, which bears no date. Source: mission P2 to P4."""

REVISED = PointsTable(
    version="public-revised",
    effective_from="",
    gpus=GPUS_2026_11_23,
    llm={
        **_SEED_LLM,
        "dolphin-2.9-llama3-8b": LlmRow(
            multiplier_bps=Bps(5_000), min_vram_mib=_mib(16), note="0.24 before"
        ),
    },
    image={
        **_SEED_IMAGE,
        "flux-1-dev-nf4": ImageRow(
            multiplier_bps=Bps(0), floors=_OF_FLUX, note="Flux.1 [dev], nf4; 10 before"
        ),
    },
    falls_back_to_catalog=False,
)
"""History: the other public version of those tables, without a date too. Source: mission P3."""

POINTS_2026_11_23 = PointsTable(
    version="2026-11-23",
    effective_from="2026-11-23",
    gpus=GPUS_2026_11_23,
    llm={
        **_SEED_LLM,
        "basis-small": LlmRow(multiplier_bps=Bps(5_000), min_vram_mib=_mib(6)),
        "basis-default": LlmRow(multiplier_bps=Bps(10_000), min_vram_mib=_mib(12)),
        "basis-large": LlmRow(multiplier_bps=Bps(30_000), min_vram_mib=_mib(40)),
        "basis-tiny": LlmRow(multiplier_bps=Bps(1_000), min_vram_mib=0),
        "basis-tiny-embed": LlmRow(multiplier_bps=Bps(1_000), min_vram_mib=0),
        "basis-echo": LlmRow(multiplier_bps=Bps(0), min_vram_mib=0, note="a simulator"),
    },
    image={
        "sd-1.5": ImageRow(
            multiplier_bps=Bps(3_000),
            floors=(*_OF_SD15, *_cards("5060")),
            note="Stable Diffusion 1.5 checkpoint and LoRA",
        ),
        "sdxl": ImageRow(
            multiplier_bps=Bps(10_000),
            floors=(*_OF_SDXL, *_cards("5070 ti")),
            note="Stable Diffusion XL checkpoint",
        ),
        "sdxl-lora": ImageRow(
            multiplier_bps=Bps(12_000),
            floors=(*_OF_SDXL, *_cards("5070 ti")),
            note="Stable Diffusion XL LoRA",
        ),
        "flux-1-dev-nf4": ImageRow(
            multiplier_bps=Bps(100_000),
            floors=(*_OF_FLUX, *_cards("5090")),
            note="Flux.1 [dev], nf4",
        ),
    },
    falls_back_to_catalog=True,
)
"""In force. The seed's rows as they are; ours: the network's own models with their floors, the
50-series in the floor lists, and the catalog's multiplier for a model that an operator adds."""

HISTORY: tuple[PointsTable, ...] = (SEASON_1, SEED, REVISED)
"""What was published before this network began: they judge no job."""

POINTS_TABLES: tuple[PointsTable, ...] = (*HISTORY, POINTS_2026_11_23)
"""Every table, oldest first; the last one judges new jobs."""


def points_table_of_version(version: str) -> PointsTable:
    """The table that a record names.

    Raises:
        InvalidInput: none of this version was ever published.
    """
    for table in POINTS_TABLES:
        if table.version == version:
            return table
    raise InvalidInput(f"no points table {version!r} is known", param="points_version")
