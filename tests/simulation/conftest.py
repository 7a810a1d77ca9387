"""How far the simulations go: a little in every run, further when they are asked to."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "large",
    max_examples=2_000,
    stateful_step_count=200,
    derandomize=False,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
