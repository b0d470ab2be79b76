"""A file is replaced as a whole, and what killed writers left is removed."""

from __future__ import annotations

import errno
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from sendopt.errors import StoreFailure
from sendopt.score.replacement import replacement

BEGINS_AND_WAITS = """
import sys
from pathlib import Path
from sendopt.score.replacement import replacement
with replacement(Path(sys.argv[1])) as file:
    file.write(b"begun")
    file.flush()
    print("begun", flush=True)
    sys.stdin.read()
"""


def begun(path: Path) -> subprocess.Popen[bytes]:
    """Return another process that writes the file, and waits."""
    writer = subprocess.Popen(
        [sys.executable, "-c", BEGINS_AND_WAITS, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"begun\n"
    return writer


def written(path: Path, size: int) -> None:
    with replacement(path) as file:
        file.write(bytes(size))


def test_what_a_killed_writer_left_is_removed_by_the_next_and_a_living_ones_is_not(
    tmp_path: Path,
) -> None:
    path, other = tmp_path / "a.scores", tmp_path / "b.delta"
    with begun(path) as killed, begun(other) as living:
        killed.kill()
        killed.wait()
        assert len(list(tmp_path.iterdir())) == 2
        with replacement(path) as file:
            file.write(b"whole")
        assert path.read_bytes() == b"whole"
        assert len(list(tmp_path.iterdir())) == 2  # and what the other writes
        living.communicate()
        assert living.returncode == 0
    assert other.read_bytes() == b"begun"
    assert sorted(tmp_path.iterdir()) == [path, other]


def test_a_write_that_fails_leaves_what_stood_there(tmp_path: Path) -> None:
    path = tmp_path / "a.scores"
    path.write_bytes(b"before")
    with pytest.raises(ValueError, match="closed"), replacement(path) as file:
        file.close()
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"before", [path])


@pytest.mark.parametrize("size", [10, 100_000], ids=["at the end", "in the middle"])
def test_a_disk_that_is_full_is_named_and_what_stood_there_stands(
    tmp_path: Path, size: int
) -> None:
    path = tmp_path / "a.scores"
    path.write_bytes(b"before")
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5, most[1]))
    try:
        with pytest.raises(StoreFailure, match=r"a\.scores cannot be written") as refusal:
            written(path, size)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert (refusal.value.code, path.read_bytes()) == ("disk_failed", b"before")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "disk_full"), (errno.EROFS, "disk_read_only"), (errno.EIO, "disk_failed")],
)
def test_what_a_disk_refuses_is_called_as_everywhere(
    tmp_path: Path, number: int, code: str
) -> None:
    path = tmp_path / "a.scores"
    path.write_bytes(b"before")
    refused = pytest.raises(StoreFailure, match=r"a\.scores cannot be written")
    with refused as refusal, replacement(path):
        raise OSError(number, "from a write in the block")
    assert (refusal.value.code, path.read_bytes()) == (code, b"before")
