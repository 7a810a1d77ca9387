"""What is owed: pure functions on integers. No I/O, clock, randomness, float or logging here.

Reading order: units, errors, canonical, wallet; catalog, pricing; job, receipt; factors, reward;
ledger, entries; batch.
"""
