-- known_events
-- Grain: one row per event of `incoming` whose id the log holds already.
-- Reads: event, incoming (both with the columns of the Event contract).
with stored as (
    select * from event where event_id in (select event_id from incoming)
),
different as (
    select * from incoming
    except
    select * from stored
)
select
    event_id,
    event_id not in (select event_id from different) as is_repeat
from stored
