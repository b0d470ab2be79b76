-- kinds
-- Grain: one row per kind of event that the log holds before $until_us.
-- Reads: event.  Params: $until_us.
select event_type, count(*) as events
from event
where epoch_us(occurred_at) < $until_us
group by event_type
