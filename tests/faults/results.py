"""The file that keeps what every history gave, so that a run that was stopped can be continued."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from faults.tally import Tally

_HERE = Path(__file__).parent


@dataclass
class Results:
    """Tallies by history: its scenario, seed and number of faults.

    Attributes:
        trees: the commits that were attacked, as `git describe` names them; in order, each once.
    """

    path: Path | None
    tallies: dict[tuple[str, int, int], Tally] = field(default_factory=dict)
    trees: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.path is None or not self.path.exists():
            return
        for line in self.path.read_text().splitlines():
            entry = json.loads(line)
            self._keep(
                (entry["scenario"], entry["seed"], entry["asked"]),
                Tally(**entry["tally"]),
                entry["tree"],
            )

    def add(self, history: tuple[str, int, int], tally: Tally) -> None:
        tree = _tree()
        self._keep(history, tally, tree)
        if self.path is None:
            return
        scenario, seed, asked = history
        entry = {"scenario": scenario, "seed": seed, "asked": asked, "tree": tree}
        with self.path.open("a") as file:
            file.write(json.dumps({**entry, "tally": dataclasses.asdict(tally)}) + "\n")

    def _keep(self, history: tuple[str, int, int], tally: Tally, tree: str) -> None:
        self.tallies[history] = tally
        self.trees[tree] = None

    @property
    def asked(self) -> int:
        """How many faults the histories were to plant; some never come to their place."""
        return sum(asked for _, _, asked in self.tallies)

    def of(self, scenario: str) -> Tally:
        """Return the sum of a scenario's histories."""
        return sum((each for (name, *_), each in self.tallies.items() if name == scenario), Tally())


def _tree() -> str:
    command = ["git", "-C", str(_HERE), "describe", "--always", "--dirty"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
