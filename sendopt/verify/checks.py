"""Runs checks one by one: what stops one is found like anything else, and the next begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from sendopt.errors import SendoptError
from sendopt.records import TenantId
from sendopt.verify.report import Finding

#: Of whom a finding is that is nobody's alone.
NOBODY = TenantId("-")


class Checks:
    """What was found so far.

    Args:
        progress: told what is looked at next.
    """

    def __init__(self, progress: Callable[[str], None]) -> None:
        self._progress = progress
        self.findings: list[Finding] = []

    def run(
        self,
        store: str,
        about: str,
        check: Callable[[], Iterable[Finding]],
        *,
        tenant_id: TenantId = NOBODY,
    ) -> bool:
        """Take what `check` finds; tell whether it came to its end.

        A store may be damaged in ways of which nobody has thought, and a check that stumbles over
        one must not hide what the others find.
        """
        self._progress(about)
        try:
            for finding in check():
                self.findings.append(_printable(finding))
        except Exception as error:  # noqa: BLE001 - whatever a damaged store makes of a check
            self.findings.append(
                Finding(
                    store,
                    "can_be_checked",
                    tenant_id,
                    about,
                    f"the check could not be carried out: {_told(error)}",
                )
            )
            return False
        return True


def _printable(finding: Finding) -> Finding:
    """Return a finding whose ids are text, whatever stands in the columns they were read from."""
    tenant_id, subject = (_text(each) for each in (finding.tenant_id, finding.subject))
    return replace(finding, tenant_id=TenantId(tenant_id), subject=subject)


def _text(stored: object) -> str:
    return stored.decode("utf-8", "replace") if isinstance(stored, bytes) else str(stored)


def _told(error: Exception) -> str:
    """Return what an error says, without a row's content; ours are written to be read."""
    if isinstance(error, SendoptError):
        cause = error.__cause__
        return error.message if cause is None else f"{error.message} ({type(cause).__name__})"
    return type(error).__name__
