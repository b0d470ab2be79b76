"""Count how often the intervals of planted effects hold the truth; renew docs/estimators.md.

python benchmarks/effects.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from planted_effects import ESTIMATES, HOUR, MESSAGES, SENDING, estimates, tenant, truth

PAGE = Path(__file__).parents[1] / "docs" / "estimators.md"
HEADING = "## Effects of sending and of an hour"
TENANTS, SEED = 1000, 20261201
USERS = (20, 50, 200, 1000)

HEAD = f"""{HEADING}

Printed by `python benchmarks/effects.py`. {TENANTS:,} tenants a row, of {MESSAGES} messages a user.
Users differ in how often they come at all, and come more often while they are active; coming keeps
them active. The sender knows who is active, and draws by it with logged chances: an active user is
sent to with a chance of 0.85 and an idle one with 0.4; the evening has a chance of 0.7 with the
active and of 0.15 with the idle. Sending, or the evening, does more for active users. The truth is
the effect in the population, averaged over whatever happened before each message.

- *wcls*: weighted and centred least squares with the variance and Student's t for few users;
  *plain*: the same estimate with the textbook's interval, 1.96 cluster-robust standard errors each
  way.
- *unweighted*: the same regression, as if all chances had been alike. It has whether the user was
  active as a control, so that what it misses is the average: it counts those users most about whom
  the sender was least sure.
- *naive*: the difference of the shares, with the textbook's interval of two samples.
- Each cell: bias / share of tenants whose 95 % interval held the truth / mean width. With
  {TENANTS:,} tenants a true 95 % shows as 93.6 to 96.4 %.

"""


def main() -> None:
    """Print the section, and put it in the place of the one before."""
    page = PAGE.read_text("utf-8")
    before = page.split(HEADING)[0].rstrip()
    PAGE.write_text(f"{before}\n\n{section()}", "utf-8")


def section() -> str:
    """Return the whole section."""
    lines = [f"| effect of | users | truth | {' | '.join(ESTIMATES)} |"]
    lines.append("|---" * (3 + len(ESTIMATES)) + "|")
    for line in _rows():
        print(line, flush=True)
        lines.append(line)
    return HEAD + "\n".join(lines) + "\n"


def _rows() -> Iterator[str]:
    for kind in (SENDING, HOUR):
        true = truth(kind)
        for users in USERS:
            rng = np.random.default_rng([SEED, users])
            found = np.array(
                [
                    [
                        (each.estimate, each.low <= true <= each.high, each.high - each.low)
                        for each in estimates(kind, tenant(kind, users, rng).rows).values()
                    ]
                    for _ in range(TENANTS)
                ],
                np.float64,
            )
            cells = [
                f"{estimate - true:+.3f} / {held:.1%} / {width:.3f}"
                for estimate, held, width in found.mean(axis=0)
            ]
            yield f"| {kind} | {users:,} | {true:+.3f} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
