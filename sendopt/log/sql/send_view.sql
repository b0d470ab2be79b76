-- send
-- Grain: one row per send, with the columns of `event`.
-- A send is one message to one user: what is told of twice, under two event ids, counts once.
create temporary view send as
select event.*
from event
left join repeated_send r using (user_id, send_id)
where event_type = 'send' and (r.first is null or {'at': occurred_at, 'id': event_id} = r.first)
