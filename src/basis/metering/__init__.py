"""Counts tokens with each model's own tokenizer: the only count that is billed (mission N16)."""
