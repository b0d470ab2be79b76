"""A few faults of the machine's on every change; `make faults` tries them by hundreds."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from faults.deployment import furnish
from faults.history import Bench
from faults.kills import kill_processes
from faults.power_losses import lose_power
from faults.shim import build
from faults.tally import Tally

from sendopt.app import open_app
from sendopt.settings import Settings


@pytest.fixture(scope="module")
def bench(empty_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    scratch = tmp_path_factory.mktemp("faults")
    template = Path(shutil.copytree(empty_home, scratch / "template"))
    with closing(open_app(Settings(home=template))) as app:
        key = furnish(app)
    return Bench(template, key, build(scratch), scratch)


@pytest.mark.slow
@pytest.mark.parametrize(("attack", "faults"), [(kill_processes, 1), (lose_power, 1)])
def test_nothing_promised_is_lost_and_nothing_comes_twice(
    bench: Bench, attack: Callable[[Bench, int, int], Tally], faults: int
) -> None:
    tally = attack(bench, 2, faults)
    assert tally.failures == []
    assert tally.faults == faults
    assert tally.acknowledged > 0
