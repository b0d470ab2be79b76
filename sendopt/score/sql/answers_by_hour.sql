-- answers_by_hour
-- Grain: one row per local hour in which something was sent.
-- Reads: send, send_answer, user_zone.
-- Params: $window_us, $known_after_us, $until_us, $timezone, and what makes an answer (see
-- send_answer).
-- A send's hour is read in its own zone, else in the last one known of its user, else in $timezone.
-- A send whose window is still open is left out: that it was not answered yet means nothing.
-- So is one of which is not known what the person did.
with zone as materialized (
    -- A zone too new for DuckDB's own list counts as not given; it would fail the query.
    select name from pg_timezone_names()
),
sent as (
    select
        s.user_id,
        s.send_id,
        hour(timezone(coalesce(z.name, h.timezone, $timezone), s.occurred_at)) as hour
    from send s
    left join zone z on z.name = s.timezone
    left join user_zone(make_timestamptz($until_us)) h on h.user_id = s.user_id
    where epoch_us(s.occurred_at) + $known_after_us <= $until_us
)
select
    s.hour::integer as hour,
    count(*) as sends,
    count(*) filter (a.soonest_us < $window_us) as answers
from sent s
left join send_answer(
    $outcome, $early_us, $until_us,
    earlier_us := $earlier_us, later_us := $later_us, instant_us := $instant_us, hides := $hides
) a using (user_id, send_id)
where not coalesce(a.unknown, false)
group by hour
order by hour
