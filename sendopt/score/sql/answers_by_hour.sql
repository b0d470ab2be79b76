-- answers_by_hour
-- Grain: one row per local hour in which something was sent.
-- Reads: send, send_answer, user_zone, zone_clock (input: see `zone_clocks`).
-- Params: $window_us, $known_after_us, $until_us, $timezone, and what makes an answer (see
-- send_answer).
-- A send's hour is read in its own zone, else in the last one known of its user, else in $timezone.
-- A send whose window is still open is left out: that it was not answered yet means nothing.
-- So is one of which is not known what the person did.
with zone as materialized (
    select distinct timezone as name from zone_clock
),
sent as (
    select
        s.user_id,
        s.send_id,
        epoch_us(s.occurred_at) as at_us,
        coalesce(z.name, h.timezone, $timezone) as zone
    from send s
    left join zone z on z.name = s.timezone
    left join user_zone(make_timestamptz($until_us)) h on h.user_id = s.user_id
    where epoch_us(s.occurred_at) + $known_after_us <= $until_us
)
select
    ((at_us + offset_us) // 3600000000 % 24)::integer as hour,
    count(*) as sends,
    count(*) filter (a.soonest_us < $window_us) as answers
from sent s
join zone_clock c on c.timezone = zone and at_us >= c.from_us and at_us < c.until_us
left join send_answer(
    $outcome, $early_us, $until_us,
    earlier_us := $earlier_us, later_us := $later_us, instant_us := $instant_us, hides := $hides
) a using (user_id, send_id)
where not coalesce(a.unknown, false)
group by hour
order by hour
