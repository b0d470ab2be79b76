"""Every use case of a tenant says what it needs, and is refused to whoever lacks that."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import closing
from functools import cached_property
from pathlib import Path

import pytest

from sendopt.app import App, open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.app.subject import Subject, permission_of
from sendopt.app.work import Work
from sendopt.errors import NotFound, NotPermitted
from sendopt.records import Permission, Principal, TenantId
from sendopt.settings import Settings

NOBODY = Principal(DEFAULT_TENANT, "nobody", "nothing", frozenset())
SUBJECTS = [name for name, what in vars(Work).items() if isinstance(what, cached_property)]


@pytest.fixture
def app(home: Path) -> Iterator[App]:
    with closing(open_app(Settings(home=home))) as app:
        yield app


def use_cases(work: Work) -> list[tuple[str, object]]:
    return [
        (f"{subject}.{name}", getattr(getattr(work, subject), name))
        for subject in SUBJECTS
        for name, _ in inspect.getmembers(type(getattr(work, subject)), inspect.isfunction)
        if not name.startswith("_")
    ]


def test_every_subject_is_bound_to_a_principal_and_every_use_case_says_what_it_needs(
    app: App,
) -> None:
    work = app.for_(NOBODY)
    assert all(isinstance(getattr(work, subject), Subject) for subject in SUBJECTS)
    known = use_cases(work)
    assert len(known) > 30
    assert [name for name, method in known if permission_of(method) is None] == []


def test_whoever_lacks_the_permission_is_refused_before_anything_is_looked_at(app: App) -> None:
    for name, method in use_cases(app.for_(NOBODY)):
        assert callable(method)
        given = [
            None
            for each in inspect.signature(method).parameters.values()
            if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
        ]
        named = {
            each.name: None
            for each in inspect.signature(method).parameters.values()
            if each.default is each.empty and each.kind is each.KEYWORD_ONLY
        }
        with pytest.raises(NotPermitted) as refused:
            method(*given, **named)
        assert refused.value.expected == f"the permission {permission_of(method)}", name


def test_every_permission_lets_somebody_do_something(app: App) -> None:
    needed = {permission_of(method) for _, method in use_cases(app.for_(NOBODY))}
    assert {*Permission} - needed == set()


def test_a_tenant_that_nobody_created_has_no_owner(app: App) -> None:
    with pytest.raises(NotFound) as refused:
        app.as_owner_of(TenantId("tpyo"))
    assert refused.value.code == "tenant_unknown"
