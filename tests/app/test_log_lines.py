"""Whoever logs never waits for whoever reads; what cannot be written is counted."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from waiting import wait_until

from sendopt.app.log_lines import LogLines


def left_out(lines: int) -> str:
    return f"{lines} left out\n"


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    with ExitStack() as closing:
        closing.callback(os.close, writer)
        closing.callback(os.close, reader)  # first: the writer's thread ends what it writes
        yield reader, writer


def read_until(reader: int, end: str) -> list[str]:
    found = b""
    while not found.endswith(end.encode()):
        found += os.read(reader, 65_536)
    return found.decode().splitlines()


def test_lines_come_out_whole_and_in_order_whoever_wrote_them() -> None:
    with pipe() as (reader, writer):
        lines = LogLines(writer, left_out)

        def write(who: int) -> None:
            for number in range(1_000):
                lines.write(f"{who} {number}\n")

        threads = [threading.Thread(target=write, args=[who]) for who in range(4)]
        for thread in threads:
            thread.start()
        found: list[str] = []
        while len(found) < 4_000:
            found += read_until(reader, "\n")
        for who in range(4):
            mine = [line for line in found if line.startswith(f"{who} ")]
            assert mine == [f"{who} {number}" for number in range(1_000)]


def test_a_pipe_that_nobody_reads_keeps_nobody_waiting_and_every_line_comes_or_is_counted() -> None:
    with pipe() as (reader, writer):
        lines = LogLines(writer, left_out, most=100)
        for number in range(5_000):
            lines.write(f"{number:099}\n")
        found: list[str] = []
        came: list[int] = []
        counted: list[int] = []
        while len(came) + sum(counted) < 5_000:
            found += read_until(reader, "\n")
            came = [int(line) for line in found if "left out" not in line]
            counted = [int(line.split()[0]) for line in found if "left out" in line]
        assert len(came) + sum(counted) == 5_000
        assert sum(counted) > 0
        assert came == sorted(came)
        lines.write("and on\n")
        assert read_until(reader, "and on\n") == ["and on"]


def test_what_a_disk_refuses_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "log"
    descriptor = os.open("/dev/full", os.O_WRONLY)
    lines = LogLines(descriptor, left_out)
    lines.write("one\n")
    lines.write("two\n")
    wait_until(lambda: lines._missing == 2, "both lines to be refused")
    with file.open("w") as freed:
        os.dup2(freed.fileno(), descriptor)
    lines.write("three\n")
    lines.close()
    assert file.read_text() == "three\n2 left out\n"
    os.close(descriptor)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_writer_that_dies_is_followed_by_another() -> None:
    with pipe() as (reader, writer):
        lines = LogLines(writer, left_out)
        lines._write_lines = _die  # type: ignore[method-assign,assignment]
        lines.write("lost\n")
        wait_until(lambda: not lines._thread.is_alive(), "the writer to die")
        del lines._write_lines
        lines.write("found\n")
        assert read_until(reader, "found\n") == ["found"]


def _die(_lines: list[str]) -> None:
    raise SystemExit


def test_its_end_waits_for_the_last_line_but_not_for_a_reader_who_is_gone() -> None:
    with pipe() as (reader, writer):
        lines = LogLines(writer, left_out)
        lines.write("last\n")
        lines.close()
        assert os.read(reader, 100) == b"last\n"
        stuck = LogLines(writer, left_out)
        for _ in range(1_000):
            stuck.write("x" * 99 + "\n")
        stuck.close()
        missing = 100_000
        while missing:  # else it would write to whatever has the number of this pipe next
            missing -= len(os.read(reader, 65_536))


def test_a_service_whose_stderr_was_closed_goes_on() -> None:
    """As by `2>&-`: there is then no stream at all."""
    logs = "import sys, sendopt.app.logging as l; l.log_in_background(); sys.stderr.write('x')"
    subprocess.run(["sh", "-c", '"$0" -c "$1" 2>&-', sys.executable, logs], check=True)
