"""Payments kept before their tax was read: it is unknown afterwards, and not taken for none."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

import basis.storage
from basis.storage.database import begin_write
from basis.storage.key_store import store_new_key
from basis.storage.payment_store import Payment, load_payments, store_payment
from tests.support.books import NOW


def migrate_payments(engine: Engine) -> None:
    """Runs the one migration again, over payments of whatever state."""
    config = Config()
    folder = Path(basis.storage.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    with begin_write(engine) as connection:
        config.attributes["connection"] = connection
        before = ScriptDirectory.from_config(config).get_revision("0014").down_revision
        assert isinstance(before, str)
        command.stamp(config, before, purge=True)
        command.upgrade(config, "0014")


def test_migration__payments_kept_without_tax__have_an_unknown_one(engine: Engine) -> None:
    told = [("cs_kept", None, 0), ("cs_taxed", None, 80), ("cs_funded", "shop", 0)]
    with engine.begin() as connection:
        store_new_key(
            connection,
            key_id="k1",
            secret_hash="k1",
            name="test",
            user_id="shop",
            user_wallet="",
            now=NOW,
        )
        for key, user_id, tax_minor in told:
            store_payment(
                connection,
                Payment(
                    source="stripe",
                    key=key,
                    user_id=user_id,
                    microcredits=0,
                    reference=key,
                    currency="usd",
                    amount_minor=500,
                    tax_minor=tax_minor,
                    created_at=NOW,
                ),
            )

    migrate_payments(engine)

    with engine.connect() as connection:
        found = [*load_payments(connection, None), *load_payments(connection, "shop")]
    assert [(one.key, one.tax_minor) for one in found] == [
        ("cs_kept", None),
        ("cs_taxed", 80),
        ("cs_funded", 0),
    ]
