"""Looks at all that the log holds, and says what is not what was appended."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sendopt.errors import StoreFailure
from sendopt.log import Appender, Damage, Log
from sendopt.records import TenantId


@dataclass(frozen=True, slots=True)
class ChangedRows:
    """A tenant whose events are not those that were appended."""

    tenant_id: TenantId
    what: str


@dataclass(frozen=True, slots=True)
class ScrubReport:
    """What a look at the whole log found."""

    file_count: int
    byte_count: int
    tenant_count: int
    damaged_files: tuple[Damage, ...]
    changed_rows: tuple[ChangedRows, ...]
    sealed_now: tuple[str, ...]  # had no hash, such as files of earlier releases
    not_sealed: tuple[str, ...]  # as well, and have none: something else is damaged

    @property
    def is_whole(self) -> bool:
        """Whether everything is what was appended."""
        return not self.damaged_files and not self.changed_rows


def scrub(
    log: Log,
    right_to_append: Callable[[], AbstractContextManager[Appender]],
    *,
    progress: Callable[[str], None],
) -> ScrubReport:
    """Read every data file and every event, and compare them with what was written down of them.

    A file without a hash gets one where nothing is damaged: its rows were compared before.
    """
    files = log.look_at_files(progress=progress)
    everyone = log.tenants()
    changed = list[ChangedRows]()
    for tenant_id in everyone:
        progress(f"events of {tenant_id}")
        try:
            with log.unchecked_reader(tenant_id) as reader:
                reader.require_whole()
        except StoreFailure as failure:
            changed.append(ChangedRows(tenant_id, failure.message))
    sealed_now = list[str]()
    if files.unsealed and not files.damaged and not changed:
        with right_to_append() as appender:
            sealed_now = appender.seal_unsealed()
    return ScrubReport(
        file_count=files.file_count,
        byte_count=files.byte_count,
        tenant_count=len(everyone),
        damaged_files=files.damaged,
        changed_rows=tuple(changed),
        sealed_now=tuple(sealed_now),
        not_sealed=() if sealed_now else files.unsealed,
    )
