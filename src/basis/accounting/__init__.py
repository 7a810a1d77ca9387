"""From receipt to ledger: posts finished jobs, closes batches, recomputes everything."""
