"""On a planted tenant, ours chooses no worse than any simple rule."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from lattice import judge
from lattice.program import Program
from lattice.worlds import Half, lattice

SENDOPT = Program("now", Path(sys.executable).with_name("sendopt"))


# A short form of `confounded` is tests/learn/test_confounder.py.
@pytest.mark.parametrize(
    "world",
    [
        "default",
        pytest.param("no_sessions_glances", marks=pytest.mark.slow),
        pytest.param("confounded", marks=pytest.mark.slow),
    ],
)
def test_ours_is_at_or_above_every_simple_rule(world: str) -> None:
    """With sessions, with late answers alone, and where a sender knows who is ready."""
    found = next(each for half in Half for each in lattice(half) if each.name == world)
    planted = replace(found, world=replace(found.world, users=150, days=45))
    (line,) = judge.judge(planted, [SENDOPT], judged=150)
    assert "refused" not in line, line
    below = {rule: z for rule, z in line["z"].items() if z < -2.0}
    assert not below, line["value"]
    assert abs(line["in_the_large"] - 1.0) < 0.25  # three standard errors, with so few answers
