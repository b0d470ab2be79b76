-- logged_chances
-- Grain: one row.
-- Reads: send.  Params: $known_after_us, $from_us, $until_us.
-- How the times of the sends of [$from_us, ...) with a closed window were chosen.
select
    count(*) as sends,
    count(*) filter (propensity > 0) as logged,
    count(*) filter (propensity > 0 and propensity < 1) as randomised
from send
where epoch_us(occurred_at) >= $from_us
    and epoch_us(occurred_at) + $known_after_us <= $until_us
