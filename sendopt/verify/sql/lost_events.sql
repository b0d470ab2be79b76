-- lost_events
-- Grain: one row per event of `copied` that the log does not hold with the same content.
-- Reads: event, copied (both with the columns of the Event contract).
select event_id
from (select * from copied except select * from event)
order by event_id
