"""Checks the files of a home: who may read them, secrets, and stored scores."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from sendopt.errors import InvalidInput, StoreFailure
from sendopt.records import TenantId
from sendopt.score.store import BASE_SUFFIX, DELTA_SUFFIX
from sendopt.score.store_file import StoreFile
from sendopt.verify.checks import NOBODY
from sendopt.verify.report import Finding


def private(home: Path, held: Iterable[Path]) -> Iterator[Finding]:
    """Yield what others on this machine can get at: files that hold secrets, folders of data.

    Into a folder that is closed to others nobody comes, whatever the modes of what is in it.
    """
    for path in held:
        above = [each for each in path.parents if each == home or home in each.parents]
        if any(each.exists() and _shared(each) == 0 for each in above):
            continue
        if shared := _shared(path):
            wanted = 0o700 if path.is_dir() else 0o600
            yield _finding(
                "files_are_private",
                path.name,
                f"others can get at it, by {shared:03o} of its mode; `chmod {wanted:o}` ends that",
            )


def _shared(path: Path) -> int:
    """Return the bits of a mode that let others in; 0 where it is not there, or not ours."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0
    return stat.S_IMODE(found.st_mode) & 0o077 if found.st_uid == os.getuid() else 0


def secrets(path: Path, load: Callable[[], object], *, needed: bool) -> Iterator[Finding]:
    """Yield what is wrong with the secrets.

    Args:
        path: where they are.
        load: reads them, and raises InvalidInput if anything in them cannot be used.
        needed: whether a link was signed or a browser subscribed with them.
    """
    if not path.exists():
        if needed:
            what = "it is gone, and links were signed or browsers subscribed with it"
            yield _finding("secrets_are_whole", path.name, what)
        return
    try:
        load()
    except InvalidInput as refusal:
        yield _finding("secrets_are_whole", path.name, str(refusal))


def scores(folder: Path) -> Iterator[Finding]:
    """Yield the files of stored scores that are not what was written."""
    for path in sorted(folder.glob("*/*")):
        if path.suffix not in {BASE_SUFFIX, DELTA_SUFFIX}:
            continue
        tenant_id = TenantId(path.parent.name)
        try:
            StoreFile(path, tenant_id=tenant_id, model_version=path.stem)
        except StoreFailure as failure:
            yield Finding("home", "scores_are_whole", tenant_id, path.name, str(failure))


def _finding(rule: str, subject: str, explanation: str) -> Finding:
    return Finding("home", rule, NOBODY, subject, explanation)
