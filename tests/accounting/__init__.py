"""From receipt to ledger: posting, recovery, settlement, and the recompute that trusts nothing."""
