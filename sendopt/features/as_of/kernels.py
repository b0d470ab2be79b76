"""The passes over a log in order, compiled: each reads every user's events once.

A pass carries what is known of one user from event to event and writes it down at each viewpoint
it comes by. Writing down changes nothing that is carried, so neither later events nor other
viewpoints can move a figure, and users are independent: the same bits come out on any number of
cores.

Arrays. `first`: users + 1 positions; the events of user u are first[u] <= i < first[u + 1].
`order`: rows of the viewpoints by (user, instant). User -1 has no event.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, assignment"
# ruff: noqa: PLR0917 - compiled code takes arrays, one by one

from __future__ import annotations

import math

import numpy as np
from numba import types

from sendopt.compiled import compiled
from sendopt.features.array_types import CELLS, FLAGS, FLOATS, INTS, TABLE, USERS
from sendopt.features.declared import Measure

_DAY_US = 86_400_000_000
_DAYS_SINCE_LAST, _DAYS_SINCE_FIRST = int(Measure.DAYS_SINCE_LAST), int(Measure.DAYS_SINCE_FIRST)
_KINDS = 16
_NEVER = np.iinfo(np.int64).min
_RESCALE = 500.0  # halvings that a sum may run ahead of its scale: far from overflow, at 1024


@compiled(types.float64, types.int64, types.int64)
def _days(happened_us, at_us):
    return np.nan if happened_us == _NEVER else np.float64(at_us - happened_us) / _DAY_US


@compiled(types.void, *(INTS,) * 6, USERS, INTS, INTS, TABLE)
def user_features(first, key, windows_us, measure, kind, window, user, as_of_us, order, out):
    """Write the declared features of each viewpoint, one column a feature.

    `measure` and `kind` are of each feature; `window` is its place in `windows_us`, -1 = ever.
    """
    recent = np.zeros((len(windows_us), _KINDS), np.int64)
    ever, last_us = np.zeros(_KINDS, np.int64), np.zeros(_KINDS, np.int64)
    back = np.zeros(len(windows_us), np.int64)
    current, begin, at, end = np.int64(-2), np.int64(0), np.int64(0), np.int64(0)
    for row in order:
        if user[row] != current:
            current = user[row]
            begin = end = at = 0
            if current >= 0:
                begin, at, end = first[current], first[current], first[current + 1]
            recent[:], ever[:], last_us[:], back[:] = 0, 0, _NEVER, begin
        while at < end and key[at] >> 4 < as_of_us[row]:
            happened = key[at] & 15
            ever[happened] += 1
            last_us[happened] = key[at] >> 4
            for each in range(len(windows_us)):
                recent[each, happened] += 1
            at += 1
        for each in range(len(windows_us)):
            since_us = as_of_us[row] - windows_us[each]
            while back[each] < at and key[back[each]] >> 4 < since_us:
                recent[each, key[back[each]] & 15] -= 1
                back[each] += 1
        first_us = key[begin] >> 4 if at > begin else _NEVER
        for column in range(len(measure)):
            if measure[column] == _DAYS_SINCE_FIRST:
                out[row, column] = _days(first_us, as_of_us[row])
            elif measure[column] == _DAYS_SINCE_LAST:
                out[row, column] = _days(last_us[kind[column]], as_of_us[row])
            elif window[column] < 0:
                out[row, column] = ever[kind[column]]
            else:
                out[row, column] = recent[window[column], kind[column]]


@compiled(types.float64, TABLE, types.float64, types.float64)
def _rescaled(carried, scale, halvings):
    """Return the scale at which an event `halvings` after the user's first may be added.

    Counts are carried as if all had happened at one instant, `scale` halvings after the user's
    first event: adding costs one power of two, forgetting nothing. When events run far ahead of
    that instant, it is moved by whole halvings, which loses no bit.
    """
    if halvings - scale <= _RESCALE:
        return scale
    shrink = np.exp2(scale - math.floor(halvings))
    for row in range(carried.shape[0]):
        for column in range(carried.shape[1]):
            carried[row, column] *= shrink
    return math.floor(halvings)


@compiled(
    *(types.void, INTS, INTS, INTS, INTS, CELLS, FLAGS, CELLS),
    *(USERS, INTS, INTS, types.float64, TABLE, TABLE, TABLE),
)
def evidence(
    begin,
    end,
    happened_us,
    known_us,
    cell,
    is_session,
    latency_stage,
    user,
    as_of_us,
    order,
    half_life_us,
    sessions,
    sends,
    answers,
):
    """Write decayed counts by cell, known by each viewpoint.

    What happened to the user of viewpoint v are the rows begin[v] <= i < end[v], by time.
    `answers` holds one block of cells a latency stage; a stage beyond them is no answer.
    Sessions and sends become known after different times: each has its own place in the log.
    """
    cells, stages = sessions.shape[1], answers.shape[1] // sessions.shape[1]
    seen, sent = np.zeros((1, cells)), np.zeros((1 + stages, cells))
    session, send, last = np.int64(0), np.int64(0), np.int64(0)
    current, origin_us = np.int64(-2), np.int64(0)  # -2: nobody yet
    seen_scale, sent_scale = 0.0, 0.0
    for row in order:
        if user[row] != current:
            current, seen_scale, sent_scale = user[row], 0.0, 0.0
            session, send, last = begin[row], begin[row], end[row]
            origin_us = happened_us[session] if session < last else 0
            seen[:], sent[:] = 0.0, 0.0
        while session < last and not (is_session[session] and known_us[session] > as_of_us[row]):
            if is_session[session]:
                halvings = (happened_us[session] - origin_us) / half_life_us
                seen_scale = _rescaled(seen, seen_scale, halvings)
                seen[0, cell[session]] += np.exp2(halvings - seen_scale)
            session += 1
        while send < last and (is_session[send] or known_us[send] <= as_of_us[row]):
            if not is_session[send]:
                halvings = (happened_us[send] - origin_us) / half_life_us
                sent_scale = _rescaled(sent, sent_scale, halvings)
                weight = np.exp2(halvings - sent_scale)
                sent[0, cell[send]] += weight
                if latency_stage[send] < stages:
                    sent[1 + latency_stage[send], cell[send]] += weight
            send += 1
        now = (as_of_us[row] - origin_us) / half_life_us
        seen_left, sent_left = np.exp2(seen_scale - now), np.exp2(sent_scale - now)
        for each in range(cells):
            sessions[row, each] = seen[0, each] * seen_left
            sends[row, each] = sent[0, each] * sent_left
            for stage in range(stages):
                answers[row, stage * cells + each] = sent[1 + stage, each] * sent_left


@compiled(
    *(types.void, INTS, INTS, INTS, CELLS, CELLS, CELLS, CELLS),
    *(USERS, INTS, INTS, types.float64, FLOATS, TABLE, TABLE),
)
def late_evidence(
    begin,
    end,
    answered_us,
    cell,
    cell_before,
    age,
    waited,
    user,
    as_of_us,
    order,
    half_life_us,
    hazard,
    answers,
    expected,
):
    """Write decayed counts of late answers by cell, known by each viewpoint; see `LateEvidence`.

    The late answers of viewpoint v's user are the rows begin[v] <= i < end[v], by time. A send
    that waited was at risk in the half hours before its answer, some of them on the day before.
    """
    cells = answers.shape[1]
    half_hours = cells // 2
    came, due = np.zeros(cells), np.zeros(cells)
    current, at, last, now_us = np.int64(-2), np.int64(0), np.int64(0), np.int64(0)
    for row in order:
        if user[row] != current:
            current, at, last = user[row], begin[row], end[row]
            came[:], due[:] = 0.0, 0.0
            now_us = answered_us[at] if at < last else 0
        while at < last and answered_us[at] < as_of_us[row]:
            kept = np.exp2((now_us - answered_us[at]) / half_life_us)
            now_us = answered_us[at]
            for each in range(cells):
                came[each] *= kept
                due[each] *= kept
            half_hour = np.int64(cell[at] % half_hours)
            today, yesterday = cell[at] - half_hour, cell_before[at] - half_hour
            came[cell[at]] += 1.0
            for back in range(waited[at]):
                day = today if back <= half_hour else yesterday
                due[day + (half_hour - back) % half_hours] += hazard[age[at] - back]
            at += 1
        kept = np.exp2((now_us - as_of_us[row]) / half_life_us)
        for each in range(cells):
            answers[row, each] = came[each] * kept
            expected[row, each] = due[each] * kept
