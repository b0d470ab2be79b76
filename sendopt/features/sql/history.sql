-- history
-- Grain: one row per event, in no order.
-- Reads: event.  Params: $kinds, $zones (names; the first is of no zone).
-- key: microseconds times 16, plus the place of the kind; zone: the place of the zone, 0 = none.
-- Looking a name up in a list is done once a dictionary of a file; a join would do it once a row.
select
    user_id,
    epoch_us(occurred_at) * 16 + list_position($kinds, event_type) - 1 as key,
    (coalesce(list_position($zones, timezone), 1) - 1)::smallint as zone
from event
where list_contains($kinds, event_type)
