"""Every use case over tenants says what it needs; commands reach nothing beside use cases."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import sendopt.cli
from sendopt.app import App, open_app
from sendopt.app.operator import Operator
from sendopt.app.operator_keys import OperatorKeys
from sendopt.app.subject import permission_of
from sendopt.errors import NotPermitted
from sendopt.records import OperatorPermission, OperatorPrincipal
from sendopt.settings import Settings

USE_CASES = [
    (subject, name)
    for subject in (Operator, OperatorKeys)
    for name, _ in inspect.getmembers(subject, inspect.isfunction)
    if not name.startswith("_")
]
#: What a command would reach past every question of who may do it.
STORES = {"state", "log", "registry", "stored_scores", "secrets", "_stores"}


@pytest.fixture
def app(home: Path) -> Iterator[App]:
    with closing(open_app(Settings(home=home))) as app:
        yield app


def test_every_permission_lets_an_operator_do_something() -> None:
    needed = [permission_of(getattr(subject, name)) for subject, name in USE_CASES]
    assert {*needed} == {*OperatorPermission}


@pytest.mark.parametrize(("subject", "name"), USE_CASES)
def test_an_operator_without_the_permission_is_refused(
    app: App, subject: type[Operator | OperatorKeys], name: str
) -> None:
    method = getattr(subject(app, OperatorPrincipal("nobody", "nothing", frozenset())), name)
    parameters = inspect.signature(method).parameters.values()
    given = [None for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    named = {each.name: None for each in parameters if each.kind is each.KEYWORD_ONLY}
    with pytest.raises(NotPermitted) as refused:
        method(*given, **named)
    assert refused.value.expected == f"the permission {permission_of(method)}"


@pytest.mark.parametrize("file", sorted(Path(sendopt.cli.__file__).parent.rglob("*.py")))
def test_a_command_reaches_no_store(file: Path) -> None:
    reached = {
        f"{node.lineno}: .{node.attr}"
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in STORES
        and isinstance(node.value, ast.Name)
        and node.value.id in {"app", "work", "operator"}
    }
    assert reached == set()
