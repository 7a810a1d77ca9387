"""The `basis` command as an operator types it."""
