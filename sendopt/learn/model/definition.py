"""What people set of a model; everything else of it is learned from a log."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def fingerprint(family: str, settings: Mapping[str, Any]) -> str:
    """Return 16 hex digits that change with the family and its settings.

    The seed and the number of threads are left out: they move a model as other data would. So is
    the release: most change nothing of the model, and after each the champion would grow old until
    a successor is proven to be better.
    """
    told = json.dumps({"family": family, **settings}, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]
