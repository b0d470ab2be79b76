-- answers
-- Grain: one row per send whose first answer came $least_us or more after it, but before $most_us.
-- Reads: send, send_answer.
-- Params: $until_us, $least_us, $most_us, and what makes an answer (see send_answer).
-- Of a rounded stamp, answered_us is the middle of when it can have been given; known_us its end.
-- Stamps rounded to more than an hour tell nothing of the hour: none of those is taken.
select
    s.user_id,
    epoch_us(s.occurred_at) as sent_us,
    epoch_us(s.occurred_at) + (a.soonest_us + a.latest_us) // 2 as answered_us,
    epoch_us(s.occurred_at) + a.latest_us as known_us
from send s
join send_answer(
    $outcome, $early_us, $until_us,
    earlier_us := $earlier_us, later_us := $later_us, instant_us := $instant_us, hides := $hides
) a using (user_id, send_id)
where a.soonest_us >= $least_us and a.latest_us < $most_us
    and $earlier_us + $later_us < 3600000000
order by s.user_id, answered_us, sent_us
