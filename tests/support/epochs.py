"""An epoch of an operator's, its file, and stores in which it prices or was tampered with."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from basis.rules.epoch_form import epoch_json
from basis.rules.epochs import EPOCHS, ModelPrice, PricingEpoch
from basis.rules.units import Bps
from basis.storage.database import DATABASE_FILE, begin_write, open_database
from basis.storage.epoch_store import activate_epoch, propose_epoch
from tests.support.orchestrators import prepare_folder

SPRING = replace(
    EPOCHS[-1],
    version="spring",
    is_placeholder=False,
    prompt_price=200_000_000,
    model_prices=(ModelPrice(model="basis-tiny", prompt_price=10**6, output_price=10**7),),
    demand_bps=Bps(15_000),
)
LONG_AGO, THEN, FUTURE = (f"20{year}-01-01T00:00:00.000Z" for year in (20, 21, 99))


def write_epoch(folder: Path, epoch: PricingEpoch = SPRING, **changes: Any) -> Path:
    """The epoch's file, with fields changed under their published names."""
    path = folder / f"{epoch.version}.json"
    path.write_bytes(msgspec.json.encode({**epoch_json(epoch), **changes}))
    return path


def edit(folder: Path, sql: str, *values: str) -> None:
    """Changes the store as something else than basis would."""
    with closing(sqlite3.connect(folder / DATABASE_FILE)) as connection, connection:
        assert connection.execute(sql, values).rowcount == 1


def put_in_force(folder: Path, epoch: PricingEpoch = SPRING) -> None:
    """Activates the epoch from the year 2021 on, as if that had been typed in 2020."""
    prepare_folder(folder)
    engine = open_database(folder, create=False)
    with begin_write(engine) as connection:
        propose_epoch(connection, epoch, now=LONG_AGO)
        activate_epoch(connection, epoch.version, effective_from=THEN, now=LONG_AGO)
    engine.dispose()
