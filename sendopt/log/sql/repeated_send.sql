-- repeated_send
-- Grain: one row per (user_id, send_id) of which several `send` events tell; almost always empty.
-- `first` is the one that counts, by time and id. Counted once for all queries of a reader: half of
-- them ask about sends.
create temporary table repeated_send as
with shared as (
    -- By hash, which almost no two sends share: far less memory than the ids of all sends.
    select hash(user_id, send_id) as pair
    from event
    where event_type = 'send' and send_id is not null
    group by pair
    having count(*) > 1
)
select user_id, send_id, min({'at': occurred_at, 'id': event_id}) as first
from event
where event_type = 'send' and hash(user_id, send_id) in (select pair from shared)
group by user_id, send_id
having count(*) > 1
