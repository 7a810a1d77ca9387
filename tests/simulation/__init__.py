"""What is kept: schema, group-commit writer, ledger, keys and secrets, over real SQLite."""
