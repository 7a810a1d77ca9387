"""How hypothesis searches here: the same cases in every run, so that a failure is the change's."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=100)
settings.register_profile("search", derandomize=False, deadline=None, max_examples=5_000)
settings.load_profile("repeatable")  # `pytest --hypothesis-profile search` looks further
