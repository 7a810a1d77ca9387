"""How hypothesis searches here: the same cases in every run, so that a failure is the change's."""

from __future__ import annotations

import os

from hypothesis import Phase, settings

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=100)
settings.register_profile("search", derandomize=False, deadline=None, max_examples=5_000)
settings.load_profile("repeatable")  # `pytest --hypothesis-profile search` looks further

# A mutant is dead by its first failing case, and looking for a smaller one takes minutes.
settings.register_profile(
    "mutation", settings.get_profile("repeatable"), phases=[Phase.explicit, Phase.generate]
)
if "MUTANT_UNDER_TEST" in os.environ:  # mutmut's
    settings.load_profile("mutation")
