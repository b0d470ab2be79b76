-- daily_counts
-- Grain: one row per UTC day with an event before $until_us, in order.
-- Reads: event.  Params: $until_us.
select
    epoch_us(occurred_at) // 86400000000 as day,
    count(*) as events,
    count(distinct user_id) as users,
    epoch_us(max(occurred_at)) as newest_us
from event
where epoch_us(occurred_at) < $until_us
group by day
order by day
