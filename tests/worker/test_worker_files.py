"""What the worker keeps on disk and reads from it: id, tokens, digests, GGUF headers, cards."""

from __future__ import annotations

import os
import stat
import types
from pathlib import Path

import pytest

from basis.worker.digests import compute_digest, load_digest
from basis.worker.exits import ExitCode, WorkerStop
from basis.worker.hardware import describe_hardware, load_amd, load_hardware, read_nvidia
from basis.worker.identity import TokenFile, load_worker_id
from basis.worker.runtimes.gguf_header import NotGguf, load_header


def token_file(folder: Path, orchestrator: str = "https://o.example") -> TokenFile:
    return TokenFile(folder, orchestrator=orchestrator, worker_id="host-1")


def test_worker_id__made_once__is_kept_and_says_nothing_about_its_owner(tmp_path: Path) -> None:
    made = load_worker_id(tmp_path / "state")
    assert load_worker_id(tmp_path / "state") == made
    assert load_worker_id(tmp_path / "other") != made
    assert made.startswith("host-")


def test_token__stored__is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    file = token_file(tmp_path)
    assert file.load() is None
    file.store("bwt-1")
    assert file.load() == "bwt-1"
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert list(file.path.parent.iterdir()) == [file.path]


def test_token__of_another_orchestrator__is_another_file(tmp_path: Path) -> None:
    token_file(tmp_path).store("bwt-1")
    assert token_file(tmp_path, "https://elsewhere.example").load() is None


def test_token__left_open_to_others__is_closed_when_read(tmp_path: Path) -> None:
    file = token_file(tmp_path)
    file.store("bwt-1")
    file.path.chmod(0o644)
    assert file.load() == "bwt-1"
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_token__damaged_file__is_one_clear_error(tmp_path: Path) -> None:
    file = token_file(tmp_path)
    file.store("bwt-1")
    file.path.write_text("{")
    with pytest.raises(WorkerStop, match="damaged") as raised:
        file.load()
    assert raised.value.exit_code is ExitCode.TOKEN_REFUSED


def test_digest__same_size_and_time__is_remembered(tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    model.write_bytes(b"one")
    first = load_digest(model, state_folder=tmp_path / "state")
    assert first == compute_digest(model)
    times = (model.stat().st_atime_ns, model.stat().st_mtime_ns)
    model.write_bytes(b"two")
    os.utime(model, ns=times)
    assert load_digest(model, state_folder=tmp_path / "state") == first
    os.utime(model, ns=(times[0], times[1] + 1))
    assert load_digest(model, state_folder=tmp_path / "state") == compute_digest(model) != first


def test_digest__damaged_notes__are_made_anew(tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    model.write_bytes(b"one")
    (tmp_path / "digests.json").write_text("[]")
    assert load_digest(model, state_folder=tmp_path) == compute_digest(model)


def test_header__shipped_model__tells_architecture_and_context(tiny_gguf: Path) -> None:
    header = load_header(tiny_gguf)
    assert (header.architecture, header.context_tokens) == ("llama", 1_024)


@pytest.mark.parametrize("keep", [0, 3, 4, 20, 200, 2_000])
def test_header__cut_or_foreign_file__is_no_gguf(
    keep: int, tiny_gguf: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(tiny_gguf.read_bytes()[:keep])
    with pytest.raises(NotGguf):
        load_header(cut)


class NvmlError(Exception):
    """NVML's own error."""


def nvml(*, cards: int = 2, has_driver: bool = True, tells_memory: bool = True) -> types.ModuleType:
    """NVML as it answers where there are `cards`, which this machine may not have."""
    library = types.ModuleType("pynvml")

    def init() -> None:
        if not has_driver:
            raise NvmlError

    def memory(_handle: int) -> object:
        if not tells_memory:
            raise NvmlError
        return types.SimpleNamespace(total=24 << 30)

    library.__dict__.update(
        NVMLError=NvmlError,
        nvmlInit=init,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: cards,
        nvmlSystemGetDriverVersion=lambda: "570.1",
        nvmlDeviceGetHandleByIndex=lambda number: number,
        nvmlDeviceGetName=lambda _: "NVIDIA L4",
        nvmlDeviceGetMemoryInfo=memory,
    )
    return library


def test_hardware__two_cards__are_counted_with_their_memory() -> None:
    hardware = read_nvidia(nvml())
    assert hardware is not None
    assert describe_hardware(hardware) == "2 x NVIDIA L4, 49152 MiB"
    assert (hardware.kind, hardware.driver) == ("gpu", "570.1")


def test_hardware__card_that_keeps_its_memory_to_itself__is_still_a_card() -> None:
    hardware = read_nvidia(nvml(cards=1, tells_memory=False))
    assert hardware is not None
    assert describe_hardware(hardware) == "NVIDIA L4"


def test_hardware__no_driver_or_no_card__is_no_gpu() -> None:
    assert read_nvidia(nvml(has_driver=False)) is None
    assert read_nvidia(nvml(cards=0)) is None


def test_hardware__amd_card__is_read_from_sysfs(tmp_path: Path) -> None:
    device = tmp_path / "card1" / "device"
    device.mkdir(parents=True)
    assert load_amd(tmp_path) is None
    (device / "vendor").write_text("0x1002\n")
    (device / "mem_info_vram_total").write_text(f"{16 << 30}\n")
    hardware = load_amd(tmp_path)
    assert hardware is not None
    assert describe_hardware(hardware) == "AMD GPU, 16384 MiB"


def test_hardware__this_machine__is_a_gpu_or_plainly_the_cpu() -> None:
    hardware = load_hardware()
    assert hardware.kind == "gpu" or hardware.name == "CPU"
