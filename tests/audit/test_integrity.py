"""Published files that somebody else touched are refused, whatever byte it was."""

from __future__ import annotations

import contextlib
import random
import shutil
from pathlib import Path

import pytest

from basis.audit.audit import AuditOptions, Watcher, audit
from basis.rules.errors import DamagedExport, InvalidSignature
from basis.rules.export_files import ALL_FILES
from basis.rules.wallet import parse_wallet
from tests.audit.forging import KEY, audit_by, resign

SMALL = ["manifest.json", "manifest.sig.json", "tables.json"]
FILES = [*SMALL, *(file.name for file in ALL_FILES)]
SEED = 20_261_123


@pytest.mark.parametrize("name", FILES)
def test_audit__any_byte_changed__is_refused(period: Path, name: str) -> None:
    chance = random.Random(SEED)
    path = period / name
    honest = path.read_bytes()
    for place in {0, len(honest) - 1, *(chance.randrange(len(honest)) for _ in range(12))}:
        forged = bytearray(honest)
        forged[place] ^= 1 << chance.randrange(8)
        path.write_bytes(forged)

        with pytest.raises((DamagedExport, InvalidSignature)):
            audit_by("both", period)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0, 2, 1])
def test_audit__a_file_cut_off__is_refused(period: Path, name: str, share: int) -> None:
    data = (period / name).read_bytes()
    (period / name).write_bytes(data[: len(data) // share - share % 2] if share else b"")

    with pytest.raises((DamagedExport, InvalidSignature)):
        audit_by("both", period)


@pytest.mark.parametrize("name", FILES)
def test_audit__a_file_missing__is_refused_by_name(period: Path, name: str) -> None:
    (period / name).unlink()

    with pytest.raises(DamagedExport, match=name.replace(".", r"\.")):
        audit_by("both", period)


def test_audit__an_extra_file__is_refused_by_name(period: Path) -> None:
    (period / "notes.txt").write_text("hello")

    with pytest.raises(DamagedExport, match=r"notes\.txt"):
        audit_by("both", period)


def test_audit__a_link_in_the_place_of_a_file__is_refused(period: Path, tmp_path: Path) -> None:
    (period / "tables.json").rename(tmp_path / "elsewhere.json")
    (period / "tables.json").symlink_to(tmp_path / "elsewhere.json")

    with pytest.raises(DamagedExport, match="no plain file"):
        audit_by("both", period)


@pytest.mark.parametrize("file", [file.name for file in ALL_FILES])
@pytest.mark.parametrize("how", ["garbage", "middle"])
def test_audit__a_signed_file_that_is_no_parquet__is_no_traceback(
    period: Path, file: str, how: str
) -> None:
    """Its publisher signed it, so only reading it shows what it is."""
    path = period / file
    data = path.read_bytes()
    if how == "garbage":
        path.write_bytes(b"PAR1" + b"\xff" * 500 + b"PAR1")
    else:
        middle = len(data) // 3
        path.write_bytes(data[:middle] + b"\xff" * 40 + data[middle + 40 :])
    resign(period)

    with contextlib.suppress(DamagedExport):
        verdict = audit_by("both", period)
        assert verdict.differences or how == "middle"


def test_audit__another_signer_than_expected__is_refused(period: Path) -> None:
    other = parse_wallet("0x" + "1" * 40, param="signer")

    with pytest.raises(InvalidSignature, match="was expected"):
        audit([period], AuditOptions(signer=other), Watcher())


def test_audit__the_expected_signer__is_accepted(period: Path) -> None:
    verdict = audit([period], AuditOptions(signer=KEY.address), Watcher())

    assert verdict.is_equal
    assert verdict.signer == KEY.address


@pytest.mark.parametrize("path", ["nowhere", "."])
def test_audit__no_export_there__is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(DamagedExport, match="no export"):
        audit_by("both", tmp_path / path)


def test_audit__the_same_period_twice__is_refused(period: Path, tmp_path: Path) -> None:
    shutil.copytree(period, tmp_path / "again")

    with pytest.raises(DamagedExport, match="are both export 1"):
        audit_by("both", period, tmp_path / "again")
