-- labelled_sends
-- Grain: one row per send in [$from_us, ...) whose open window closed by $until_us, and, if $randomised,
-- whose time was drawn with a logged chance below 1; of $share of all user-days, oldest first.
-- Reads: send, send_answer, stage_of_answer, user_zone, zone_clock (input: see `zone_clocks`).
-- Params: $window_us, $known_after_us, $from_us, $until_us, $randomised, $share (0 to 1), and what makes
-- an answer (see send_answer).
-- A send whose window is still open is left out: that it was not opened yet means nothing.
-- So is one of which is not known what the person did.
-- User-days are drawn by their MD5, which every release of DuckDB computes alike, all sends of a user's
-- local day together, so that choices within a day survive. The day is in the send's own zone, else
-- in the last one known of its user.
with zone as materialized (
    select distinct timezone as name from zone_clock
),
home as (
    select * from user_zone(make_timestamptz($until_us)) where $share < 1
),
sent as (
    select
        s.*,
        coalesce(z.name, h.timezone, 'UTC') as zone,
        epoch_us(s.occurred_at) as at_us
    from send s
    left join zone z on z.name = s.timezone
    left join home h on h.user_id = s.user_id
    where epoch_us(s.occurred_at) >= $from_us
        and epoch_us(s.occurred_at) + $known_after_us <= $until_us
        and (not $randomised or (s.propensity > 0 and s.propensity < 1))
),
drawn as (
    select sent.*
    from sent
    join zone_clock c on c.timezone = zone and at_us >= c.from_us and at_us < c.until_us
    where $share >= 1
        or md5_number_upper(concat_ws(' ', make_timestamp(at_us + offset_us)::date, user_id))
            / 18446744073709551616.0 < $share
)
select
    s.user_id,
    s.occurred_at as at,
    s.propensity,
    s.timezone,
    s.platform,
    s.message_type,
    stage_of_answer(a.soonest_us, $window_us, $earlier_us + $later_us) as latency_stage,
    coalesce(a.soonest_us < $window_us, false)::double as label
from drawn s
left join send_answer(
    $outcome, $early_us, $until_us,
    earlier_us := $earlier_us, later_us := $later_us, instant_us := $instant_us, hides := $hides
) a using (user_id, send_id)
where not coalesce(a.unknown, false)
order by s.occurred_at, s.event_id
