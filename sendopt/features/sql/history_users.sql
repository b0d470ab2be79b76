-- history_users
-- Grain: one row per user with an event, by user_id.
-- Reads: event.
select
    user_id,
    count(*) as events,
    epoch_us(min(occurred_at)) as first_us,
    epoch_us(max(occurred_at)) as last_us
from event
group by user_id
order by user_id
