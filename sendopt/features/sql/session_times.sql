-- session_times
-- Grain: one row per session in [$from_us, $until_us), the $limit first by a fixed shuffle.
-- Reads: event.  Params: $from_us, $until_us, $limit.
select user_id, occurred_at as at
from event
where event_type = 'session'
    and epoch_us(occurred_at) >= $from_us
    and epoch_us(occurred_at) < $until_us
order by md5(event_id), event_id
limit $limit
