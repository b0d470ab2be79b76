-- own_answers_by_hour
-- Grain: one row per user and local hour in which the user answered.
-- Reads: send, send_answer, user_zone, zone_clock (input: see `zone_clocks`).
-- Params: $until_us, $timezone, and what makes an answer (see send_answer).
-- An answer counts in the hour in which it was given, however long after its send, on the clock of
-- its send's zone, else of the last one known of its user, else of $timezone.
-- Stamps rounded to more than an hour tell nothing of the hour: none of those is taken.
with zone as materialized (
    select distinct timezone as name from zone_clock
),
answer as (
    select
        s.user_id,
        coalesce(z.name, h.timezone, $timezone) as zone,
        epoch_us(s.occurred_at) + (a.soonest_us + a.latest_us) // 2 as at_us
    from send s
    join send_answer(
        $outcome, $early_us, $until_us,
        earlier_us := $earlier_us, later_us := $later_us, instant_us := $instant_us, hides := $hides
    ) a using (user_id, send_id)
    left join zone z on z.name = s.timezone
    left join user_zone(make_timestamptz($until_us)) h on h.user_id = s.user_id
    where a.soonest_us is not null and $earlier_us + $later_us < 3600000000
)
select
    user_id,
    ((at_us + offset_us) // 3600000000 % 24)::integer as hour,
    count(*) as answers
from answer
join zone_clock c on c.timezone = zone and at_us >= c.from_us and at_us < c.until_us
group by user_id, hour
order by user_id, hour
