"""Judge the choice of hours on planted tenants and on real logs; write docs/choice.md.

python benchmarks/choice.py --half chosen
python benchmarks/choice.py --half confirmed --worlds no_late,two_hours --before OTHER/bin/sendopt

Every world is judged as soon as the one before is done: a JSON line each on stdout, kept in
docs/choice.jsonl. A world that is judged again replaces its line. About ten seconds a world and
program; the largest, behind --large, take minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path

from lattice import cases, judge, page
from lattice.cases import Case
from lattice.judge import Line
from lattice.program import Program
from lattice.worlds import Half, lattice

PAGE = Path(__file__).parents[1] / "docs" / "choice.md"
HERE = Path(sys.executable).with_name("sendopt")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1)}


def main() -> None:
    wanted = _arguments()
    given = {page.NOW: wanted.sendopt, page.BEFORE: wanted.before}
    programs = [Program(name, path) for name, path in given.items() if path]
    programs = programs or [Program(page.NOW, HERE)]
    tasks = _tasks(wanted, programs)
    record = wanted.out.with_suffix(".jsonl")
    lines = page.merge(record, ())
    for fresh in _run(tasks, wanted.jobs):
        for line in fresh:
            print(json.dumps(line), flush=True)
            print(_said(line), file=sys.stderr, flush=True)
        lines = page.merge(record, fresh)
        wanted.out.write_text(page.render(lines), "utf-8")


def _arguments() -> argparse.Namespace:
    described = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = described.add_argument
    add("--half", required=True, type=Half, choices=list(Half), metavar="chosen|confirmed")
    add("--worlds", metavar="NAME,...", help="these alone; - for none  [default: all of the half]")
    add("--large", action="store_true", help="the largest worlds as well")
    add("--stack", action="store_true", help="weigh ours with the rules as well; twice the time")
    add(
        "--case",
        action="append",
        default=[],
        type=_case,
        metavar="FOLDER[=WINDOW]",
        help="a real log with its truth, and the window of that truth, such as 2h  [default: 30m]",
    )
    add("--sendopt", type=Path, metavar="PATH", help="the program to judge  [default: this one]")
    add("--before", type=Path, metavar="PATH", help="a former one; alone, only it is judged")
    add("--judged", type=int, default=400, metavar="USERS", help="at most  [default: 400]")
    add("--jobs", type=int, default=1, metavar="N", help="worlds at once")
    add(
        "--out", type=Path, default=PAGE, metavar="FILE", help="the page  [default: docs/choice.md]"
    )
    return described.parse_args()


def _case(text: str) -> Case:
    folder, _, window = text.partition("=")
    window = window or "30m"
    return Case(Path(folder), int(window[:-1]) * _UNITS[window[-1]])


def _tasks(wanted: argparse.Namespace, programs: list[Program]) -> list[Callable[[], list[Line]]]:
    named = None if wanted.worlds is None else set(wanted.worlds.split(",")) - {"-"}
    there = lattice(wanted.half, large=wanted.large or bool(named))
    unknown = (named or set()) - {planted.name for planted in there}
    if unknown:
        sys.exit(f"no world of this half: {', '.join(sorted(unknown))}")
    of_world = partial(judge.judge, programs=programs, judged=wanted.judged, stacked=wanted.stack)
    of_case = partial(cases.judge, programs=programs, half=wanted.half)
    return [
        *(partial(of_world, each) for each in there if named is None or each.name in named),
        *(partial(of_case, case) for case in wanted.case),
    ]


def _run(tasks: list[Callable[[], list[Line]]], jobs: int) -> Iterator[list[Line]]:
    """Yield what each task comes to, in order; the work itself is done by other processes."""
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda task: task(), tasks)


def _said(line: Line) -> str:
    name = line.get("world") or line["case"]
    if "refused" in line:
        return f"{name}, {line['program']}: refused: {line['refused']}"
    figures = line["value"] if "world" in line else line["auc"]
    lost = page.behind(line)
    said = ", ".join(f"{rule} {figure:.3f}" for rule, figure in figures.items())
    return f"{name}, {line['program']}: {said}" + (f"; behind {', '.join(lost)}" if lost else "")


if __name__ == "__main__":
    main()
