"""The page with the table of faults."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

_PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
_TEXT = """\
# Faults

Written by `make faults` (seed {seed}; commit {trees}) on {cores} cores: {share:.0%} of the
{planned:,} faults of a whole run. Clients post events, commit campaigns and click on links; a
webhook receiver keeps every delivery. Afterwards what was acknowledged is held against state, log,
ledger and receiver, and `sendopt verify` runs.

{table}

- *indeterminate*: asked for without an answer, or with a 5xx, which promises nothing.
- *recovered*: of these, acknowledged when asked for again. Clicks are not asked for again.
- *lost*: acknowledged and not there.
- *unexpected*: there although nobody asked for it, stored or delivered more often than anything on
  record explains, a crash in a log, or a history that did not come to its end.
- *doubled*: deliveries that came again because they were in flight at a fault, each with an attempt
  on record.
- *verify findings*: none may be left of any fault but bit flips, where they name the damage.
- *ready*: seconds from the end of a fault until `/readyz` says 200; of kills, where they hit the
  part that answers.
- *healthz*: milliseconds until `/healthz` answers, asked every 20 ms while there is a process; in
  brackets how late the questions were: what the machine lets any thread wait for its turn.

`docs/decisions/0036-fault-machine.md` says how it works, `tests/faults/scenarios.py` lists the
faults.
"""


def write(table: str, *, seed: int, trees: Sequence[str], share: float, planned: int) -> None:
    """Write docs/faults.md.

    Args:
        table: of all scenarios.
        seed: of the run.
        trees: commits that were attacked.
        share: of the planned faults that have been tried.
        planned: faults of a whole run.
    """
    _PAGE.write_text(
        _TEXT.format(
            table=table,
            seed=seed,
            trees=", ".join(trees),
            cores=os.cpu_count(),
            share=share,
            planned=planned,
        )
    )
