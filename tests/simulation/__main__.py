"""Tells the story of one day: `python -m simulation SEED [--planted NAME] [--shorten | --lake]`."""

from __future__ import annotations

import argparse
import sys

from simulation import script
from simulation.day import Result
from simulation.hunt import shorten, world
from simulation.mutations import MUTATIONS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--planted", help="begin of the name of a bug that is planted first")
    parser.add_argument("--shorten", action="store_true", help="leave out what it fails without")
    parser.add_argument("--lake", action="store_true", help="over a real DuckLake: seconds a day")
    given = parser.parse_args()
    mutation = None
    if given.planted is not None:
        mutation = next((m for m in MUTATIONS if m.name.startswith(given.planted)), None)
        if mutation is None:
            parser.error("no such bug; there are:\n" + "\n".join(m.name for m in MUTATIONS))
    with world(mutation, lake=given.lake) as lived_in:
        result = lived_in.live(script.write(given.seed))
        if result.failed and given.shorten and not given.lake:
            result = shorten(lived_in, result)
    print(told(result))
    return 1 if result.failed else 0


def told(result: Result) -> str:
    """Return the day as text: what was to happen, what happened, what is wrong with it."""
    actions = [
        f"  {action.number:3} after {action.after}  {action.kind} {action.args}"
        for action in result.script.actions
    ]
    return "\n".join(
        [
            f"seed {result.script.seed}, from {result.script.start}, {result.script.faults}",
            f"{len(actions)} actions:",
            *actions,
            "what happened:",
            *(f"  {line}" for line in result.story),
            f"broken: {', '.join(sorted({v.rule for v in result.violations})) or 'nothing'}",
            f"found by verify: {', '.join(result.findings) or 'nothing'}",
            f"digest {result.digest}",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
