-- history
-- Grain: one row per event, in no order.
-- Reads: event; kind (input: event_type, number), zone (input: timezone, number).
-- Zone 0 = the event names none.
select
    e.user_id,
    epoch_us(e.occurred_at) * 16 + k.number as key,
    coalesce(z.number, 0::smallint) as zone
from event e
join kind k using (event_type)
left join zone z using (timezone)
