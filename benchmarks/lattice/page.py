"""docs/choice.md, and the record that it is printed from: a JSON line a world and program."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from lattice.judge import OURS, Line
from lattice.worlds import Half, lattice

NOW, BEFORE = "now", "before"
_NOISE = -2.0  # standard errors; below is behind
_ANCHORS = {
    "pop": "everybody's",
    "most_frequent": "frequent",
    "eb": "EB",
    "eb_logit": "EB + logit",
}
_RULES = {"population": "everybody's", "frequent": "frequent", "eb": "EB", "stack": "stack"}

_HEAD = """# Is the hour well chosen?

Printed by `python benchmarks/choice.py --half chosen` and `--half confirmed`, from `choice.jsonl`
beside this page. Each world is a tenant whose users' probabilities are planted and known; its log
goes through `sendopt backtest` as a user runs it, and so do the logs of real people.

The value of a rule is the share of the way from a random hour to each user's best one, on a Tuesday
and a Saturday after the log's end: 1 is the oracle, 0 a coin; ± is a standard error over users.
*Before* is the same with revision 171be55. The rules know what the log shows: *everybody's* best
hour, the hour in which the user was seen most *frequent*ly, and *EB*, Beta counts under a circular
kernel with the density of sessions; the *stack* weighs ours with EB and everybody's hours by what
users answered in the last weeks. *Behind* names the rules that ours is below by more than two
standard errors. *Large* is mean prediction over mean planted probability, *error* the mean gap
between both over ten bins.

Worlds come in families of two. Settings may be chosen by the first; the second, of another strength
and seed, is looked at to confirm. Users of real logs are halved by a checksum of their id. For
these *hits* is the share of days whose chosen time was answered, *auc* the share of pairs of times
of a day in the right order; intervals are 95 %, from resampling users. `--case` judges a log of
your own; of a log that may not be shipped, only these sums are shown.
"""


def merge(record: Path, fresh: Iterable[Line]) -> list[Line]:
    """Return the record's lines, those that were judged anew replaced, and write them."""
    old = (
        [json.loads(line) for line in record.read_text("utf-8").splitlines()]
        if record.exists()
        else []
    )
    lines = {_key(line): line for line in [*old, *fresh]}
    record.write_text("".join(json.dumps(lines[key]) + "\n" for key in sorted(lines)), "utf-8")
    return list(lines.values())


def render(lines: list[Line]) -> str:
    halves = [
        f"## Worlds {half.value} on\n\n{_worlds(half, lines)}\n{_cases(half, lines)}"
        for half in Half
    ]
    tells = "\n".join(
        f"| {each.name} | {each.world.tells} |"
        for half in Half
        for each in lattice(half, large=True)
    )
    return "\n".join([_HEAD, *halves, f"## The worlds\n\n| world | |\n|---|---|\n{tells}"]) + "\n"


def behind(line: Line) -> list[str]:
    """Return the rules that ours is below beyond noise."""
    return [_RULES[name] for name, z in line.get("z", {}).items() if z < _NOISE]


def _key(line: Line) -> tuple[str, ...]:
    kind = "world" if "world" in line else "case"
    return kind, line["half"], line[kind], line["program"]


def _worlds(half: Half, lines: list[Line]) -> str:
    line_of = {(line["world"], line["program"]): line for line in lines if "world" in line}
    rows, lost, judged = [], [], 0
    for planted in lattice(half, large=True):
        now, before = (line_of.get((planted.name, program)) for program in (NOW, BEFORE))
        if now is not None or before is not None:
            rows.append(_world(planted.name, now, before))
        if now is not None and "refused" not in now:
            judged += 1
            lost += [planted.name] * bool(behind(now))
    header = ["world", "ours", "before", *_RULES.values(), "behind", "large", "error"]
    below = f"Behind a simple rule beyond noise: {len(lost)} of {judged} judged"
    named = f": {', '.join(lost)}.\n" if lost else ".\n"
    return f"{_row(header)}\n{_row(['---'] * len(header))}\n" + "\n".join(
        [*rows, "", below + named]
    )


def _world(name: str, now: Line | None, before: Line | None) -> str:
    rules = [_value(now or before, rule) for rule in _RULES]
    ours, last = "", ["", "", ""]
    if now is not None and "refused" in now:
        ours = f"refused: {now['refused']}"
    elif now is not None:
        ours = f"{_value(now, OURS)} ± {now['error'][OURS]:.3f}"
        last = [
            ", ".join(behind(now)),
            f"{now['in_the_large']:.2f}",
            f"{now['calibration_error']:.3f}",
        ]
    return _row([name, ours, _value(before, OURS), *rules, *last])


def _value(line: Line | None, name: str) -> str:
    value = None if line is None else line["value"].get(name)
    return "" if value is None else f"{value:.3f}"


def _cases(half: Half, lines: list[Line]) -> str:
    rows, lost = [], []
    for line in lines:
        if "case" in line and line["half"] == half.value and "refused" not in line:
            name = line["case"] if line["program"] == NOW else f"{line['case']}, {BEFORE}"
            for figure in ("hits", "auc"):
                rows.append(
                    _row([name, figure, f"{line[figure][OURS]:.4f}", *_minus(line, figure)])
                )
                lost += [
                    f"{name} {figure}, {_ANCHORS[other]}"
                    for other, (_, _, high) in line[f"{figure}_minus"].items()
                    if high < 0.0 and other in _ANCHORS
                ]
    if not rows:
        return ""
    header = ["real log", "", "ours", *(f"minus {name}" for name in _ANCHORS.values())]
    below = f"Behind beyond noise on real logs: {'; '.join(lost) or 'nowhere'}.\n"
    return "\n".join([_row(header), _row(["---"] * len(header)), *rows, "", below])


def _minus(line: Line, figure: str) -> list[str]:
    intervals = (line[f"{figure}_minus"].get(name) for name in _ANCHORS)
    return ["" if i is None else f"{i[0]:+.4f} [{i[1]:+.4f}, {i[2]:+.4f}]" for i in intervals]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
