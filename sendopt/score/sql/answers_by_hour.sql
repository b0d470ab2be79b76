-- answers_by_hour
-- Grain: one row per local hour in which something was sent.
-- Reads: event, send, send_answer.
-- Params: $as_of, $open_window, $clock_tolerance, $outcome, $timezone.
-- A send's hour is read in its own zone, else in the last one known of its user, else in $timezone.
-- A send whose window is still open is left out: that it was not answered yet means nothing.
with zone as materialized (
    -- A zone too new for DuckDB's own list counts as not given; it would fail the query.
    select name from pg_timezone_names()
),
home as (
    select user_id, arg_max(timezone, (occurred_at, event_id)) as timezone
    from event
    where occurred_at < $as_of and timezone in (select name from zone)
    group by user_id
),
sent as (
    select
        s.user_id,
        s.send_id,
        hour(timezone(coalesce(z.name, h.timezone, $timezone), s.occurred_at)) as hour
    from send s
    left join zone z on z.name = s.timezone
    left join home h on h.user_id = s.user_id
    where s.occurred_at + $open_window <= $as_of
)
select
    s.hour::integer as hour,
    count(*) as sends,
    count(*) filter (a.delay_us < epoch_us($open_window)) as answers
from sent s
left join send_answer($outcome, epoch_us($clock_tolerance), epoch_us($as_of)) a
    using (user_id, send_id)
group by hour
order by hour
