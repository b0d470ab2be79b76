"""From positions on a user's axis to slots of grids, compiled."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, no-any-return"
# ruff: noqa: PLR0917 - compiled code takes arrays, one by one

from __future__ import annotations

from sendopt.schedule.joint.kernel import inlined


@inlined
def write_slots(user, t, a, w, slot, load):
    """Write the slot of each message of a user from w.position, and add it to the loads.

    The last entry of `load` is of no bucket.
    """
    axis = a.of_user[user]
    first = t.first[user]
    for m in range(t.first[user + 1] - first):
        position = w.position[m]
        if position < 0:
            slot[first + m] = -1
            continue
        s = slot_at(t.grid[first + m], position, axis, a)
        slot[first + m] = s
        at = t.grid_first[t.grid[first + m]] + s
        load[t.bucket[at, 0]] += 1
        load[t.bucket[at, 1]] += 1


@inlined
def slot_at(grid, position, axis, a):
    """Return which slot of a grid stands at a position of an axis."""
    part = a.part_first[axis]
    while a.part_grid[part] != grid:
        part += 1
    if a.part_at[part] < 0:
        return position
    s = 0
    while a.place[a.part_at[part] + s] != position:
        s += 1
    return s
