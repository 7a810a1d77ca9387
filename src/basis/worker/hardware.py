"""What the worker runs on: NVIDIA's cards by NVML, AMD's by sysfs, and plainly CPU otherwise."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from basis.wire.frames import Hardware

T = TypeVar("T")

_MIB = 1 << 20
_DRM_FOLDER = Path("/sys/class/drm")
_AMD_VENDOR = "0x1002"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Card:
    name: str
    memory_mib: int


def load_hardware() -> Hardware:
    """The cards of one maker, or the CPU. Memory is that of all cards, or the machine's."""
    return _load_nvidia() or load_amd(_DRM_FOLDER) or _load_cpu()


def describe_hardware(hardware: Hardware) -> str:
    """One line for people: `2 x NVIDIA L4, 46068 MiB`, or `CPU`."""
    if hardware.kind == "cpu":
        return hardware.name
    count = f"{hardware.count} x " if hardware.count > 1 else ""
    memory = f", {hardware.memory_mib} MiB" if hardware.memory_mib else ""
    return f"{count}{hardware.name}{memory}"


def read_nvidia(library: ModuleType) -> Hardware | None:
    """What NVML tells; None without a driver or a card.

    Each question is asked apart, since many cards answer only some (unified memory, MIG, WSL).
    """
    failure: type[Exception] = library.NVMLError
    try:
        library.nvmlInit()
    except failure:
        return None
    try:
        count = _ask(library.nvmlDeviceGetCount, failure, otherwise=0)
        cards = [_read_card(library, number, failure) for number in range(count)]
        driver = _ask(library.nvmlSystemGetDriverVersion, failure, otherwise="")
    finally:
        library.nvmlShutdown()
    return _of_cards(cards, driver=_as_text(driver))


def load_amd(folder: Path) -> Hardware | None:
    """What the kernel's amdgpu driver tells under `folder`; None without a card."""
    cards = [
        _Card(
            name=_read_line(device / "product_name") or "AMD GPU",
            memory_mib=_parse_int(_read_line(device / "mem_info_vram_total")) // _MIB,
        )
        for device in sorted(folder.glob("card[0-9]*/device"))
        if _read_line(device / "vendor") == _AMD_VENDOR
    ]
    return _of_cards(cards, driver="amdgpu")


def _load_nvidia() -> Hardware | None:
    try:
        library = importlib.import_module("pynvml")
    except ImportError:
        return None
    return read_nvidia(library)


def _load_cpu() -> Hardware:
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MIB
    except (AttributeError, ValueError, OSError):
        memory = 0
    return Hardware(kind="cpu", name="CPU", count=1, memory_mib=memory)


def _read_card(library: ModuleType, number: int, failure: type[Exception]) -> _Card:
    handle = library.nvmlDeviceGetHandleByIndex(number)
    name = _ask(lambda: library.nvmlDeviceGetName(handle), failure, otherwise="NVIDIA GPU")
    total = _ask(lambda: library.nvmlDeviceGetMemoryInfo(handle).total, failure, otherwise=0)
    return _Card(name=_as_text(name), memory_mib=int(total) // _MIB)


def _ask(question: Callable[[], T], failure: type[Exception], *, otherwise: T) -> T:
    try:
        return question()
    except failure:
        return otherwise


def _of_cards(cards: Sequence[_Card], *, driver: str) -> Hardware | None:
    if not cards:
        return None
    names = sorted({card.name for card in cards})
    return Hardware(
        kind="gpu",
        name=" + ".join(names),
        count=len(cards),
        memory_mib=sum(card.memory_mib for card in cards),
        driver=driver,
    )


def _as_text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _read_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _parse_int(text: str) -> int:
    return int(text) if text.isdigit() else 0
