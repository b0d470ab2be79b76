-- history
-- Grain: one row per event, in no order.
-- Reads: event; known_user (input: user_id, number), kind (input: event_type, number),
-- zone (input: timezone, number).
-- Zone 0 = the event names none.
select
    u.number as user,
    epoch_us(e.occurred_at) * 16 + k.number as key,
    coalesce(z.number, 0::smallint) as zone
from event e
join known_user u using (user_id)
join kind k using (event_type)
left join zone z using (timezone)
