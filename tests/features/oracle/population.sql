-- population
-- Grain: one row per (UTC day on which it became known, cell, whether a propensity was logged);
-- cells as in `evidence`.
-- Reads: observation (input).
-- A sender who logged propensities chose its times; weighing each send by the inverse of its
-- propensity, at most 20, undoes the choice. `sent` is how many they are, without weights.
with placed as (
    select
        known_us // 86400000000 as day,
        cell,
        is_session,
        latency_stage,
        coalesce(propensity > 0, false) as is_logged,
        -- In integers of 2^-40, as in `evidence`.
        (pow(2.0, 40) * if(propensity > 0, least(1.0 / propensity, 20.0), 1.0))::bigint as weight
    from observation
)
select
    day,
    cell,
    is_logged,
    count(*) filter (is_session)::double as sessions,
    count(*) filter (not is_session)::double as sent,
    coalesce(sum(weight) filter (not is_session), 0) / pow(2.0, 40) as sends,
    coalesce(sum(weight) filter (latency_stage = 0), 0) / pow(2.0, 40) as answers_0,
    coalesce(sum(weight) filter (latency_stage = 1), 0) / pow(2.0, 40) as answers_1,
    coalesce(sum(weight) filter (latency_stage = 2), 0) / pow(2.0, 40) as answers_2
from placed
group by day, cell, is_logged
order by day, cell, is_logged
