"""Checks the registry: a champion that is named must load, whole and unchanged."""

from __future__ import annotations

from collections.abc import Iterator

from sendopt.errors import ModelNotServable
from sendopt.learn import Registry
from sendopt.records import TenantId
from sendopt.verify.checks import NOBODY
from sendopt.verify.report import Finding


def champion(registry: Registry, tenant_id: TenantId) -> Iterator[Finding]:
    """Yield a finding if the tenant's champion exists and cannot serve, or its card was changed."""
    for rule, subject, read in (
        ("champion_serves", "champion", registry.champion),
        ("card_unchanged", "card of the champion", registry.card),
    ):
        try:
            read(tenant_id)
        except ModelNotServable as refusal:
            if refusal.code != "no_champion":
                yield Finding("registry", rule, tenant_id, subject, refusal.message)


def storage(registry: Registry) -> Iterator[Finding]:
    """Yield what is wrong with the file that all tenants' models are recorded in."""
    for what in registry.storage():
        yield Finding("registry", "registry_unchanged", NOBODY, "record of the models", what)


def record(registry: Registry, tenant_id: TenantId) -> Iterator[Finding]:
    """Yield what the registry does not hold of the tenant's models as it was written."""
    for what in registry.changes(tenant_id):
        yield Finding("registry", "registry_unchanged", tenant_id, "record of the models", what)
