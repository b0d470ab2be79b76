-- middle
-- Grain: one row.
-- Reads: event.  Params: $event_type, $until_us.
-- The instant before which half of the events of a type happened, of those before $until_us.
select quantile_disc(epoch_us(occurred_at), 0.5) as middle_us
from event
where event_type = $event_type and epoch_us(occurred_at) < $until_us
