"""Packs what is each of many members' own of their slots, as `records.packed_scores` says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.schedule.bars import NO_BAR
from sendopt.schedule.scored import Scored


def packed(scored: Scored) -> NDArray[np.object_]:
    """Return what is each member's own of the slots."""
    bars = _own_bars(scored)
    has_sd = ~np.isnan(scored.logit_sd).all(axis=1)
    has_any = has_sd | ~np.isnan(scored.probability).all(axis=1)
    kind = 2 * (has_sd.astype(np.int8) + has_any) + (bars != NO_BAR).any(axis=1)
    found = np.full(len(kind), b"", np.object_)
    for each in np.unique(kind).tolist():
        numbers, is_barred = divmod(each, 2)
        some = np.flatnonzero(kind == each)
        parts = [
            said[some].astype(kept).view(np.uint8)
            for said, kept in ((scored.probability, "<f4"), (scored.logit_sd, "<f2"))[:numbers]
        ]
        if is_barred:
            parts.append(bars[some].view(np.uint8))
        if parts:
            found[some] = _rows(np.concatenate(parts, axis=1))
    return found


def _own_bars(scored: Scored) -> NDArray[np.int8]:
    """Return the bars of slots that nothing excludes for all; what does is told once for all."""
    shape = scored.probability.shape
    if scored.barred_by is None:
        return np.broadcast_to(np.int8(NO_BAR), shape)
    bars = np.full(shape, NO_BAR, np.int8)
    allowed = scored.grid.allowed
    bars[:, allowed] = scored.barred_by[:, allowed]
    return bars


def _rows(matrix: NDArray[np.uint8]) -> NDArray[np.object_]:
    """Return the bytes of each row."""
    width, together = matrix.shape[1], matrix.tobytes()
    rows = np.empty(len(matrix), np.object_)
    rows[:] = [together[at : at + width] for at in range(0, len(together), width)]
    return rows
