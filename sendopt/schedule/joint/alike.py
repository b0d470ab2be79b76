"""Finds users of whom nothing tells one from another: the same messages, scores and history.

Of a young tenant that is most of them: whoever has no past gets what the model says of anybody.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, no-any-return"

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sendopt.parallel import in_turn
from sendopt.schedule.joint.kernel import entry, inlined
from sendopt.schedule.joint.passes import Passes, chunks
from sendopt.schedule.joint.tables import Tables

#: Users from which on those who are alike are a crowd, and share of all users. With fewer, prices
#: do well enough.
_LEAST, _LEAST_SHARE = 30, 0.01

Ints = NDArray[np.int64]

_BEGIN, _FACTOR, _HALF = np.uint64(0xCBF29CE484222325), np.uint64(0xFF51AFD7ED558CCD), np.uint64(32)


class Crowds(NamedTuple):
    """Those of crowd c are `users[first[c]:first[c + 1]]`, ascending."""

    users: Ints
    first: Ints
    others: Ints  # who is like too few, ascending


def crowds_of(passes: Passes, users: Ints) -> Crowds:
    """Return the crowds among users of a problem, who have messages."""
    tables = passes.prepared.tables
    told = np.zeros(len(passes.bound), np.uint64)
    words = (tables.scores.view(np.uint32), tables.cost.view(np.uint32))

    def one(chunk: Ints) -> None:
        _tell(chunk, tables, *words, told)

    for _ in in_turn(one, chunks(users), at_once=passes.threads):
        pass
    in_order = users[np.argsort(told[users], kind="stable")]
    begins = np.flatnonzero(np.diff(told[in_order], prepend=~told[in_order[:1]]))
    sizes = np.diff(np.append(begins, len(in_order)))
    large = np.flatnonzero(sizes >= max(_LEAST, _LEAST_SHARE * len(users)))
    crowds = [in_order[begins[place] :][: sizes[place]] for place in large.tolist()]
    members = np.concatenate([*crowds, np.zeros(0, np.int64)])
    return Crowds(
        members,
        np.append(0, np.cumsum(sizes[large])),
        np.setdiff1d(users, members, assume_unique=True),
    )


@inlined
def _mixed(told, word):
    told = (told ^ word) * _FACTOR
    return told ^ (told >> _HALF)


@entry
def _tell(users, t: Tables, scores, cost, told):
    """Write 64 bits that are the same for users who are alike, and hardly ever for others."""
    for user in users:
        h = _mixed(_BEGIN, np.uint64(t.phase[user]))
        for m in range(t.first[user], t.first[user + 1]):
            h = _mixed(_mixed(h, np.uint64(t.campaign[m])), np.uint64(t.grid[m]))
            h = _mixed(h, np.uint64(cost[m]))
            at = t.score_at[m]
            for s in range(t.grid_first[t.grid[m] + 1] - t.grid_first[t.grid[m]]):
                h = _mixed(h, np.uint64(scores[at + s]))
        for i in range(t.old.first[user], t.old.first[user + 1]):
            h = _mixed(_mixed(h, np.uint64(t.old.minute[i])), np.uint64(t.old.rules[i]))
        told[user] = h
