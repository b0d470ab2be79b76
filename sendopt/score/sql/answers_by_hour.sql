-- answers_by_hour
-- Grain: one row per local hour in which something was sent.
-- Reads: event.  Params: $as_of, $open_window, $outcome, $timezone.
-- A send's hour is read in its own zone, else in the last one known of its user, else in $timezone.
-- A send whose window is still open is left out: that it was not answered yet means nothing.
with zoned as (
    select
        user_id,
        send_id,
        occurred_at,
        event_type,
        -- A zone too new for DuckDB's own list counts as not given; it would fail the query.
        case when timezone in (select name from pg_timezone_names()) then timezone end as timezone
    from event
    where occurred_at < $as_of
),
home as (
    select user_id, arg_max(timezone, occurred_at) filter (where timezone is not null) as timezone
    from zoned
    group by user_id
),
sent as (
    select
        s.send_id,
        s.occurred_at,
        hour(timezone(coalesce(s.timezone, h.timezone, $timezone), s.occurred_at)) as hour
    from zoned s
    join home h using (user_id)
    where s.event_type = 'send' and s.occurred_at + $open_window <= $as_of
),
answered as (
    select distinct s.send_id
    from sent s
    join zoned a using (send_id)
    where a.event_type = $outcome
        and a.occurred_at >= s.occurred_at
        and a.occurred_at < s.occurred_at + $open_window
)
select
    s.hour::integer as hour,
    count(*) as sends,
    count(a.send_id) as answers
from sent s
left join answered a using (send_id)
group by hour
order by hour
