-- repeated_ids
-- Grain: one row per event id that stands more than once.
-- Reads: event.
select event_id
from event
group by event_id
having count(*) > 1
order by event_id
