-- known_events
-- Grain: one row per event that the log holds under an id of `incoming`.
-- Reads: event, incoming (event_id).
select *
from event
where event_id in (select event_id from incoming)
