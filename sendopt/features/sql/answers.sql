-- answers
-- Grain: one row per answered send, in no order.
-- Reads: send, send_answer.
-- Params: $until_us, and what makes an answer (see send_answer).
-- Of a rounded stamp, answered_us is the middle of when it can have been given; soonest_us and
-- known_us its ends.
-- Stamps rounded to more than an hour tell nothing of the hour: none of those is taken.
select
    s.user_id,
    epoch_us(s.occurred_at) as sent_us,
    epoch_us(s.occurred_at) + (a.soonest_us + a.latest_us) // 2 as answered_us,
    epoch_us(s.occurred_at) + a.soonest_us as soonest_us,
    epoch_us(s.occurred_at) + a.latest_us as known_us
from send s
join send_answer(
    $outcome, $early_us, $until_us,
    earlier_us := $earlier_us, later_us := $later_us, instant_us := $instant_us, hides := $hides
) a using (user_id, send_id)
where a.soonest_us is not null and $earlier_us + $later_us < 3600000000
