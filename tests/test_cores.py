"""No more threads work at once than there are cores, whoever begins them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from sendopt.cores import cores, quotas
from sendopt.parallel import at_hand, in_turn, shared_out

linux = pytest.mark.skipif(sys.platform != "linux", reason="affinity and groups are Linux's")


def printed(program: str, *, on: set[int] | None = None) -> str:
    """Run `program` on the given cores, and return what it prints."""

    def confine() -> None:
        if on is not None:
            os.sched_setaffinity(0, on)

    unset = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=unset,
        preexec_fn=confine,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@linux
def test_a_process_that_may_run_on_one_core_begins_no_threads() -> None:
    one = {min(os.sched_getaffinity(0))}
    assert printed("from sendopt.cores import cores; print(cores())", on=one) == "1"
    program = (
        "import threading\n"
        "from sendopt.parallel import shared_out\n"
        "print(set(shared_out(5_000, lambda rows: threading.current_thread().name)))"
    )
    assert printed(program, on=one) == "{'MainThread'}"


@pytest.mark.parametrize(
    ("files", "told", "expected"),
    [
        ({"cpu.max": "max 100000\n"}, "0::/", []),
        ({"cpu.max": "150000 100000\n"}, "0::/", [1.5]),
        # A service within a slice: the strictest of them counts.
        (
            {"a.slice/b.service/cpu.max": "400000 100000", "a.slice/cpu.max": "200000 100000"},
            "0::/a.slice/b.service",
            [4.0, 2.0],
        ),
        # In a container the path is the host's: nothing but the root is there.
        ({"cpu.max": "100000 100000"}, "0::/kubepods/pod1", [1.0]),
        (
            {"cpu,cpuacct/cpu.cfs_quota_us": "50000", "cpu,cpuacct/cpu.cfs_period_us": "100000"},
            "9:memory:/x\n4:cpu,cpuacct:/docker/1",
            [0.5],
        ),
        (
            {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
            "4:cpu:/\n0::/",
            [],
        ),
        ({}, "", []),
    ],
)
def test_quotas_of_every_group_above_are_found(
    tmp_path: Path, files: dict[str, str], told: str, expected: list[float]
) -> None:
    for name, content in files.items():
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
    assert list(quotas(told, tmp_path)) == expected


def test_work_within_work_begins_no_further_threads() -> None:
    at_work, most, lock = 0, 0, threading.Lock()

    def inner(rows: slice) -> int:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        found = int(np.sort(np.arange(200_000)[::-1])[rows.start])
        with lock:
            at_work -= 1
        return found

    def outer(_fold: int) -> list[int]:
        assert at_hand(8) == 1 or cores() == 1
        return shared_out(4_000, inner)

    assert list(in_turn(outer, range(6), at_once=8)) == [[0, 2_000]] * 6
    assert 1 <= most <= cores()


def test_rows_are_shared_out_alike_on_any_number_of_cores() -> None:
    def ends(rows: slice) -> tuple[int, int]:
        return rows.start, rows.stop

    def within(_fold: int) -> list[tuple[int, int]]:
        return shared_out(3_001, ends)

    assert list(in_turn(within, range(2), at_once=2)) == [shared_out(3_001, ends)] * 2


@linux
@pytest.mark.skipif(cores() < 2, reason="on one core nothing more could be taken")
def test_trees_are_asked_on_as_many_threads_as_they_were_given() -> None:
    program = """
import os
import lightgbm, numpy as np
from sendopt.learn.boosting import trees
rng = np.random.default_rng(1)
x = rng.normal(size=(4_000, 3)).astype(np.float32)
y = (x[:, 0] > 0).astype(float)
sample = trees.Sample(x, y, np.ones(4_000), np.zeros(4_000))
names = ("a", "b", "c")
definition = trees.OffsetTrees(7, 0.1, 20, 20, 1, 20, 1.0, 63, ())
before = len(os.listdir("/proc/self/task"))
grown = trees.fit(definition, sample, sample, names=names, seed=1, threads=1)
grown.predict(x, raw_score=True)
grown.predict(x, pred_contrib=True)
print(len(os.listdir("/proc/self/task")) - before)
"""
    assert printed(program) == "0"
