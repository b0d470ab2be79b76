"""What the machine calls a power loss: nothing unsynced is sure to stay, all that was synced is."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from faults.power_loss import SECTOR, Disk, read_journal
from faults.shim import Action, Calls, Shim, build

SEEDS = range(20)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def shim(library: Path, tmp_path: Path) -> Shim:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "old").write_bytes(b"o" * 4 * SECTOR)
    return Shim(library, tmp_path / "root", journal=tmp_path / "journal")


def run(shim: Shim, root: Path, program: str) -> str:
    """Run a program within `root` by its full path, under the shim; return what it prints."""
    given = f"import os, pathlib\nroot = pathlib.Path({str(root)!r})\n{program}"
    done = subprocess.run(
        [sys.executable, "-c", given],
        env={**os.environ, **shim.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def outcomes(before: Disk, shim: Shim, tmp_path: Path) -> list[dict[str, bytes]]:
    """Return what the disk may hold, for many seeds."""
    found = []
    for seed in SEEDS:
        disk = copy.deepcopy(before)
        disk.play(read_journal(shim.changes()))
        left = tmp_path / f"left-{seed}"
        disk.after_power_loss(left, np.random.default_rng(seed))
        found.append({path.name: path.read_bytes() for path in left.iterdir()})
    return found


def test_what_was_synced_stays_and_each_sector_of_the_rest_may_go(
    shim: Shim, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    before = Disk(root)
    run(
        shim,
        root,
        "file = os.open(root / 'old', os.O_RDWR)\n"
        "os.pwrite(file, b's' * 512, 0)\n"
        "os.fsync(file)\n"
        "os.pwrite(file, b'u' * 1024, 1024)\n",
    )
    found = {each["old"] for each in outcomes(before, shim, tmp_path)}
    assert {content[: 2 * SECTOR] for content in found} == {b"s" * SECTOR + b"o" * SECTOR}
    assert {content[2 * SECTOR : 3 * SECTOR] for content in found} == {b"o" * SECTOR, b"u" * SECTOR}
    assert len(found) > 2  # also torn: one sector of two


def test_a_failed_sync_promises_nothing_though_the_next_one_succeeds(
    shim: Shim, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    before = Disk(root)
    shim.befall(Calls.SYNC, Action.FAIL, error=5)
    said = run(
        shim,
        root,
        "file = os.open(root / 'old', os.O_RDWR)\n"
        "os.pwrite(file, b'x' * 512, 0)\n"
        "try:\n    os.fsync(file)\n"
        "except OSError as error:\n    print(error.errno)\n"
        "os.fsync(file)\n",
    )
    assert said == "5"
    assert {each["old"] for each in outcomes(before, shim, tmp_path)} == {b"o" * 4 * SECTOR}


def test_a_name_stays_once_its_folder_is_synced(shim: Shim, tmp_path: Path) -> None:
    root = tmp_path / "root"
    before = Disk(root)
    run(
        shim,
        root,
        "def put(name):\n"
        "    file = os.open(root / name, os.O_CREAT | os.O_WRONLY)\n"
        "    os.write(file, name.encode())\n"
        "    os.fsync(file)\n"
        "put('draft')\n"
        "os.rename(root / 'draft', root / 'sure')\n"
        "folder = os.open(root, os.O_RDONLY)\n"
        "os.fsync(folder)\n"
        "put('maybe')\n"
        "os.unlink(root / 'old')\n",
    )
    found = outcomes(before, shim, tmp_path)
    assert {each["sure"] for each in found} == {b"draft"}
    assert {frozenset(each) for each in found} == {
        frozenset({"sure", "old"}),
        frozenset({"sure", "old", "maybe"}),
        frozenset({"sure", "maybe"}),
    }


def test_the_shim_does_what_it_is_told(shim: Shim, tmp_path: Path) -> None:
    root = tmp_path / "root"
    shim.befall(Calls.WRITE, Action.SHORT, at=2)
    write = (
        "file = os.open(root / 'new', os.O_CREAT | os.O_WRONLY)\n"
        "print(*(os.write(file, b'1234') for _ in range(3)))\n"
    )
    assert run(shim, root, write) == "4 2 4"
    shim.set_clock(3600)
    clocks = "import time\nprint(time.time(), time.monotonic())"
    wall, monotonic = map(float, run(shim, root, clocks).split())
    shim.set_clock(0)
    later, later_monotonic = map(float, run(shim, root, clocks).split())
    assert 3000 < wall - later < 3600
    assert later_monotonic > monotonic
