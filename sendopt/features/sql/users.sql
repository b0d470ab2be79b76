-- users
-- Grain: one row per user with an event before $until_us, by user_id.
-- Reads: event.  Params: $until_us.
select
    user_id,
    epoch_us(min(occurred_at)) as first_us,
    count(*) filter (event_type = 'session') as sessions
from event
where epoch_us(occurred_at) < $until_us
group by user_id
order by user_id
