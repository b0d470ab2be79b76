"""A send ends for a reason of `EndReason` and for no other, in the state that the reason names."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from sendopt.deliver.providers import web_push, webhook
from sendopt.records import FINAL_STATES, DeadAddress, EndReason, Permanent

PACKAGE = Path(__file__).parents[2] / "sendopt"
SOURCES = {path: ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
#: What takes the reason for which a send ends, and where among its arguments it stands.
TAKES_A_REASON = {"Ended": 1, "DeadAddress": 0, "Permanent": 0}


def calls() -> Iterator[tuple[Path, ast.Call, str]]:
    for path, tree in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                yield path, node, getattr(node.func, "id", getattr(node.func, "attr", ""))


def reasons() -> Iterator[tuple[Path, ast.expr]]:
    """Yield what the code gives as the reason of an end, wherever it is given."""
    for path, call, name in calls():
        position = TAKES_A_REASON.get(name)
        if position is not None and len(call.args) > position:
            yield path, call.args[position]
        writes_sends = name == "values" and path.parent.name == "state"
        if writes_sends or name in {*TAKES_A_REASON, "cancel_send", "cancel_campaign"}:
            yield from (
                (path, keyword.value)
                for keyword in call.keywords
                if keyword.arg in {"reason", "suppressed_by"}
            )
        if name == "Choice":
            yield from ((path, each.value) for each in call.keywords if each.arg == "suppressed_by")


def test_the_code_gives_reasons() -> None:
    assert len(list(reasons())) > 20


def test_no_reason_is_a_text() -> None:
    """mypy holds every other expression to the type of a reason."""
    texts = [
        f"{path.relative_to(PACKAGE)}:{reason.lineno}"
        for path, reason in reasons()
        # A statement's parameter has a name; what `settle` binds to it is an `Ended`'s reason.
        if not ast.unparse(reason).startswith("sa.bindparam(")
        for part in ast.walk(reason)
        if isinstance(part, ast.JoinedStr | ast.Constant) and getattr(part, "value", "") is not None
    ]
    assert texts == []


def test_every_reason_is_given_somewhere() -> None:
    given = {
        node.attr
        for tree in SOURCES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "EndReason"
    }
    assert given == {reason.name for reason in EndReason}


@pytest.mark.parametrize("reason", EndReason)
def test_a_reason_is_of_one_final_state_and_says_what_it_means(reason: EndReason) -> None:
    assert reason.state in FINAL_STATES
    assert reason.meaning
    assert EndReason(str(reason)) is reason


def test_a_state_is_given_with_a_reason_of_its_own() -> None:
    """In the rules both stand side by side, as literals."""
    pairs = [
        (ast.unparse(state), ast.unparse(reason))
        for tree in SOURCES.values()
        for node in ast.walk(tree)
        for state, reason in _side_by_side(node)
    ]
    assert len(pairs) > 8
    for state, reason in pairs:
        assert f"SendState.{EndReason[reason.removeprefix('EndReason.')].state.name}" == state


@pytest.mark.parametrize(
    "table", [web_push.STATUSES, webhook.STATUSES], ids=["web_push", "webhook"]
)
def test_a_status_that_ends_a_send_names_a_reason(table: dict[int, object]) -> None:
    outcomes = [meaning.outcome for meaning in table.values()]  # type: ignore[attr-defined]
    final = [each for each in outcomes if isinstance(each, DeadAddress | Permanent)]
    assert final
    assert all(isinstance(each.reason, EndReason) for each in final)


def _side_by_side(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    parts = node.args if isinstance(node, ast.Call) else getattr(node, "elts", [])
    for state, reason in pairwise(parts):
        if _is_member_of("SendState", state) and _is_member_of("EndReason", reason):
            yield state, reason


def _is_member_of(words: str, node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and ast.unparse(node.value) == words
