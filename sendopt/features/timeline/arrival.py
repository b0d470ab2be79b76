"""From events in the order in which they come to events by user and time, compiled.

A table of millions of users fits no cache: looking up every event as it comes, and putting it where
its user's events go, would wait for memory several times an event. So events are dealt by the hash
of their user's id into parts, which writes to a few places in turn; and what a part looks up and
writes to fits a core's own cache.

Arrays. An id is held as words: eight bytes each, the last one filled up with zeros. `waiting`: the
events dealt to each part, end to end, each as hash, key, zone and length, words of the id. `fill`:
words and events that wait in each part. `table`: of one part, by hash: in the upper half the lower
half of the hash, in the lower half the number of the user, plus one; 0 = free. The words of user u
begin at id_first[u].
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, assignment"
# ruff: noqa: PLR0917 - compiled code takes arrays, one by one

from __future__ import annotations

import numpy as np
from numba import types

from sendopt.compiled import compiled

_ints = types.Array(types.int64, 1, "C", readonly=True)
_codes = types.Array(types.int16, 1, "C", readonly=True)
_users = types.Array(types.int32, 1, "C", readonly=True)
_offsets = types.Array(types.int32, 1, "C", readonly=True)
_bytes = types.Array(types.uint8, 1, "C", readonly=True)
_words = types.uint64[::1]
_written = types.int64[::1]
_numbers = types.int32[::1]
_zones = types.int16[::1]

RECORD = 3  # words of an event before its id
_WORD = np.uint64(8)
_ONE = np.uint64(1)
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFF_FFFF)
_MIX = np.uint64(0xFF51_AFD7_ED55_8CCD)  # of MurmurHash3's last step, as the next
_SPREAD = np.uint64(0xC4CE_B9FE_1A85_EC53)
#: Of Shell's sort (Ciura 2001), lengthened by 2.25: 17 million events of one user.
_GAPS = (
    *(7_560_529, 3_360_235, 1_493_438, 663_750, 295_000, 131_111, 58_271, 25_898, 11_510, 5_116),
    *(2_274, 1_011, 449, 200, 90, 40, 18, 8, 4, 1),
)


@compiled(types.uint64, _bytes, types.uint64, types.uint64)
def _word(text, at, end):
    """Return up to eight bytes of text[at:end], the first one lowest."""
    word = np.uint64(0)
    if end - at >= _WORD:
        for each in range(8):  # the compiler makes one load of it
            word |= np.uint64(text[at + np.uint64(each)]) << np.uint64(8 * each)
        return word
    shift = np.uint64(0)
    while at < end:
        word |= np.uint64(text[at]) << shift
        shift += _WORD
        at += _ONE
    return word


@compiled(types.uint64, _bytes, types.uint64, types.uint64)
def _hash(text, begin, end):
    mixed = (end - begin) * _SPREAD
    at = begin
    while at < end:
        mixed = (mixed ^ _word(text, at, end)) * _MIX
        mixed ^= mixed >> _HALF
        at += _WORD
    return mixed * _SPREAD


@compiled(
    *(types.UniTuple(types.int64, 2), _offsets, _bytes, _ints, _codes, types.int64),
    *(types.uint64[:, ::1], types.int64[:, ::1]),
)
def deal(offsets, text, key, zone, row, waiting, fill):
    """Deal events from `row` on, until one finds its part full; return that one and the part.

    The id of an event is text[offsets[row]:offsets[row + 1]]. Once all are dealt, the row is their
    number. `waiting` has a power of two of parts, above one.
    """
    room, shift = waiting.shape[1], np.uint64(64)
    parts = waiting.shape[0]
    while parts > 1:
        parts >>= 1
        shift -= _ONE
    while row < len(key):
        begin, end = np.uint64(offsets[row]), np.uint64(offsets[row + 1])
        hashed = _hash(text, begin, end)
        part = np.int64(hashed >> shift)
        place = fill[part, 0]
        length = np.int64(end - begin)
        if place + RECORD + (length + 7 >> 3) > room:
            return row, part
        waiting[part, place] = hashed
        waiting[part, place + 1] = np.uint64(key[row])
        waiting[part, place + 2] = np.uint64(length << 16 | np.int64(zone[row]))
        place += RECORD
        at = begin
        while at < end:
            waiting[part, place] = _word(text, at, end)
            place += 1
            at += _WORD
        fill[part, 0] = place
        fill[part, 1] += 1
        row += 1
    return row, 0


@compiled(types.uint64, types.uint64, types.int64)
def _slot(hashed, slots):
    """Return where in a table to look first; the upper eight bits are the same in all of a part."""
    return np.uint64((hashed >> _WORD * np.uint64(3) & _LOW) * np.uint64(slots) >> _HALF)


@compiled(types.uint64, types.uint64, types.int64)
def _next(slot, slots):
    return slot + _ONE if slot + _ONE < np.uint64(slots) else np.uint64(0)


@compiled(
    *(types.UniTuple(types.int64, 3), _words, types.int64, types.int64, types.int64, types.int64),
    *(_words, _words, _words, _written, _written, _written, _numbers, _written, _zones),
)
def number(
    waiting,
    place,
    row,
    users,
    free,
    table,
    hashes,
    words,
    id_first,
    lengths,
    counts,
    out_user,
    out_key,
    out_zone,
):
    """Number the users of one part's events, from `row` on, whose words begin at `place`.

    Ids are compared as a whole: two that share a hash have numbers of their own. Return the row and
    the place that come next, and how many users there are then, of `users`. It ends early when
    `free` users were added: then the table has to grow.
    """
    full = users + free
    while row < len(out_user) and users < full:
        hashed, length = waiting[place], np.int64(waiting[place + 2] >> np.uint64(16))
        out_key[row] = np.int64(waiting[place + 1])
        out_zone[row] = np.int16(waiting[place + 2] & np.uint64(0x7FFF))
        place += RECORD
        size, tag = (length + 7) >> 3, hashed << _HALF
        slot = _slot(hashed, len(table))
        user = -1
        while user < 0:
            entry = table[slot]
            if entry == 0:
                user = users
                table[slot] = tag | np.uint64(user + 1)
                hashes[user], lengths[user], counts[user] = hashed, length, 0
                begin = id_first[user]
                for each in range(size):  # a slice would take two seconds to compile
                    words[begin + each] = waiting[place + each]
                id_first[user + 1] = begin + size
                users += 1
            elif entry & ~_LOW == tag:
                one = np.int64(entry & _LOW) - 1
                same = lengths[one] == length
                begin, each = id_first[one], 0
                while same and each < size:
                    same = words[begin + each] == waiting[place + each]
                    each += 1
                if same:
                    user = one
            slot = _next(slot, len(table))
        counts[user] += 1
        out_user[row] = user
        place += size
        row += 1
    return row, place, users


@compiled(types.void, _words, _words, _words)
def move(table, hashes, larger):
    """Enter all that stands in `table` into an empty, larger one."""
    for entry in table:
        if entry != 0:
            hashed = hashes[np.int64(entry & _LOW) - 1]
            slot = _slot(hashed, len(larger))
            while larger[slot] != 0:
                slot = _next(slot, len(larger))
            larger[slot] = entry


@compiled(types.void, _words, _ints, _ints, types.uint8[::1])
def spell(words, id_first, offsets, text):
    """Write the id of each user as text[offsets[user]:offsets[user + 1]]."""
    for user in range(len(offsets) - 1):
        for each in range(offsets[user + 1] - offsets[user]):
            word = words[id_first[user] + (each >> 3)]
            text[offsets[user] + each] = np.uint8(
                word >> np.uint64((each & 7) << 3) & np.uint64(255)
            )


@compiled(types.boolean, _bytes, types.int64, types.int64, _bytes, types.int64, types.int64)
def _is_before(one, at, end, other, other_at, other_end):
    """Tell whether one[at:end] comes before other[other_at:other_end]."""
    while at < end and other_at < other_end and one[at] == other[other_at]:
        at += 1
        other_at += 1
    return other_at < other_end and (at == end or one[at] < other[other_at])


@compiled(types.void, _offsets, _bytes, _offsets, _bytes, _numbers)
def find(offsets, text, asked_offsets, asked_text, out):
    """Write where each id that is asked for stands among ids in order; what does not keeps its -1.

    Ids are as in `deal`.
    """
    for row in range(len(out)):
        begin, end = asked_offsets[row], asked_offsets[row + 1]
        low, high = 0, len(offsets) - 1
        while low < high:
            middle = (low + high) >> 1
            if _is_before(text, offsets[middle], offsets[middle + 1], asked_text, begin, end):
                low = middle + 1
            else:
                high = middle
        if low < len(offsets) - 1 and not _is_before(
            asked_text, begin, end, text, offsets[low], offsets[low + 1]
        ):
            out[row] = low


@compiled(types.void, _users, _ints, _codes, _written, _written, _zones)
def scatter(user, key, zone, cursor, out_key, out_zone):
    """Put each event where its user's events go; `cursor` moves on, and may be handed in again."""
    for row in range(len(user)):
        place = cursor[user[row]]
        out_key[place] = key[row]
        out_zone[place] = zone[row]
        cursor[user[row]] = place + 1


@compiled(types.void, types.int64, types.int64, _written, _zones)
def _sort(begin, end, key, zone):
    """Sort key[begin:end], and zone with it: Shell's sort, quick on what is nearly in order."""
    for gap in _GAPS:
        for row in range(begin + gap, end):
            one, its_zone = key[row], zone[row]
            place = row
            while place - gap >= begin and key[place - gap] > one:
                key[place], zone[place] = key[place - gap], zone[place - gap]
                place -= gap
            key[place], zone[place] = one, its_zone


@compiled(types.void, _ints, _written, _zones)
def settle(first, key, zone):
    """Order each user's events by key, and give each the zone that was known at its instant.

    All events of one instant have the zone that is last by name of those they give; without any,
    the last one known before.
    """
    for user in range(len(first) - 1):
        begin, end = first[user], first[user + 1]
        for row in range(begin + 1, end):
            if key[row] < key[row - 1]:
                _sort(begin, end, key, zone)
                break
        known, row = np.int16(0), begin
        while row < end:
            same, given = row, np.int16(0)
            while same < end and key[same] >> 4 == key[row] >> 4:
                given = max(given, zone[same])
                same += 1
            if given > 0:
                known = given
            for each in range(row, same):
                zone[each] = known
            row = same
