-- evidence
-- Grain: one row per (viewpoint, cell) with something to count; a cell is a local half hour of a
-- day type, weekdays 0-47 and weekends 48-95.
-- Reads: observation (input), viewpoint (input: viewpoint, user_id, as_of).
-- Params: $half_life_days; the weight of what happened halves with every half-life of its age.
-- Weights are added as integers of 2^-40: in whichever order threads add, the sum is the same bits.
with weighed as (
    select
        v.viewpoint,
        o.cell,
        o.is_session,
        o.latency_stage,
        (
            pow(2.0, 40 + (o.happened_us - epoch_us(v.as_of)) / 86400e6 / $half_life_days)
        )::bigint as weight
    from viewpoint v
    join observation o on o.user_id = v.user_id and o.known_us <= epoch_us(v.as_of)
)
select
    viewpoint,
    cell,
    coalesce(sum(weight) filter (is_session), 0) / pow(2.0, 40) as sessions,
    coalesce(sum(weight) filter (not is_session), 0) / pow(2.0, 40) as sends,
    coalesce(sum(weight) filter (latency_stage = 0), 0) / pow(2.0, 40) as answers_0,
    coalesce(sum(weight) filter (latency_stage = 1), 0) / pow(2.0, 40) as answers_1,
    coalesce(sum(weight) filter (latency_stage = 2), 0) / pow(2.0, 40) as answers_2
from weighed
group by viewpoint, cell
order by viewpoint, cell
