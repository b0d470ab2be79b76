"""How many examples a rule is tried with: fewer by `make test` than by `make test-all`."""

from __future__ import annotations

import hypothesis

_THOROUGH = 60
_SHORT = 24
_FEWEST = 5  # the first is always the simplest there is, which breaks little

hypothesis.settings.register_profile(
    "thorough", deadline=None, derandomize=True, max_examples=_THOROUGH
)
hypothesis.settings.register_profile("short", deadline=None, derandomize=True, max_examples=_SHORT)
hypothesis.settings.load_profile("short")  # `make test-all` asks for the other one


def at_most(number: int) -> int:
    """Return how many examples to try of a rule of which `make test-all` tries `number`."""
    return max(min(number, _FEWEST), number * hypothesis.settings().max_examples // _THOROUGH)
