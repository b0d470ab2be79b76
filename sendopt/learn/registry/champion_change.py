"""How the champion changes: by one asker at a time, written down, then one alias moved."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

from sendopt.errors import Conflict
from sendopt.learn.registry.mlflow_store import Versions
from sendopt.learn.registry.promotions import (
    CHAMPION_ALIAS,
    LAST_GOOD_ALIAS,
    Promotion,
    RegisteredModel,
    choose,
    last_good,
    misplaced,
    read_promotions,
    tag,
)
from sendopt.records import TenantId

#: Opens a block that alone may change the champion, and yields what raises once it may no longer.
Moving = Callable[[], AbstractContextManager[Callable[[], object]]]


def in_this_process() -> Moving:
    """Return what keeps others of this process from changing the champion, and nobody else."""
    turn = threading.Lock()

    @contextmanager
    def moving() -> Iterator[Callable[[], object]]:
        with turn:
            yield lambda: None

    return moving


def change_champion(
    versions: Versions,
    tenant_id: TenantId,
    promotion_after: Callable[[str | None], Promotion],
    check_right: Callable[[], object],
) -> None:
    """Note a promotion and move the aliases, where nobody else does.

    Args:
        versions: of all tenants.
        tenant_id: whose champion changes.
        promotion_after: makes the promotion from the number of who served until now.
        check_right: raises once this block may no longer change the champion.

    Raises:
        ModelNotServable: `model_damaged`, if an earlier promotion was changed;
            `registry_unavailable`.
    """
    entry = versions.entry(tenant_id)
    tags, aliases = ({}, {}) if entry is None else (entry.tags, entry.aliases)
    promotions = read_promotions(tags)
    promotion = promotion_after(aliases.get(CHAMPION_ALIAS))
    good = last_good([*promotions, promotion])
    check_right()
    # Written down first: a promotion that was announced and not made can be made again.
    versions.tag(tenant_id, *tag(promotion, len(promotions)))
    versions.set_alias(tenant_id, CHAMPION_ALIAS, promotion.number)
    if good is not None or LAST_GOOD_ALIAS in aliases:
        versions.set_alias(tenant_id, LAST_GOOD_ALIAS, good)


def former_champion(known: Iterable[RegisteredModel], to: str | None) -> str:
    """Return the number of the version that is meant and may serve again.

    Args:
        known: all versions.
        to: its number or version; None = the last good one.

    Raises:
        NotFound: `model_unknown`.
        Conflict: `no_champion`, `no_last_good`, `already_champion`, `never_champion`.
    """
    models = tuple(known)
    present = next((model for model in models if CHAMPION_ALIAS in model.aliases), None)
    if present is None:
        raise Conflict("there is no champion to roll back", code="no_champion")
    target = choose(models, to)
    if target.number == present.number:
        raise Conflict(f"model {target.version} serves already", code="already_champion")
    if not target.served:
        raise Conflict(
            f"model {target.version} was never champion; the gate said: {target.gate}",
            code="never_champion",
            hint="`sendopt models list` shows which have served",
        )
    return target.number


def misplaced_aliases(versions: Versions, tenant_id: TenantId) -> list[str]:
    """Return a sentence for each alias that points elsewhere than the promotions let it.

    Raises:
        ModelNotServable: `model_damaged`, if a promotion was changed; `registry_unavailable`.
    """
    entry = versions.entry(tenant_id)
    if entry is None:
        return []
    promotions = read_promotions(entry.tags)
    return list(misplaced(promotions, entry.aliases))
