-- send_answer(outcome, early_us, until_us)
-- Grain: one row per (user_id, send_id) of which an answer before until_us tells.
-- outcome: the event type that answers a send; early_us: how far a clock may be behind.
-- This is what the answer to a send is, wherever a send is asked whether it was answered: an event of
-- that type about the same send to the same user, not stamped longer before it than clocks differ.
-- Counts of a user's answers (such as opens_7d) are of events instead: five opens of one send are 5.
-- One that is stamped before its send came at once. delay_us is of the first answer, null if there
-- is none; early and too_early count events stamped before their send, within early_us and beyond;
-- earliest_us is the longest time by which one of the former was.
create temporary macro send_answer(outcome, early_us, until_us) as table
with about as (
    select
        s.user_id,
        s.send_id,
        epoch_us(a.occurred_at) - epoch_us(s.occurred_at) as delay_us
    from send s
    join event a on a.user_id = s.user_id and a.send_id = s.send_id
    where a.event_type = outcome and epoch_us(a.occurred_at) < until_us
)
select
    user_id,
    send_id,
    min(greatest(delay_us, 0)) filter (delay_us >= -early_us) as delay_us,
    count(*) filter (delay_us between -early_us and -1) as early,
    max(-delay_us) filter (delay_us between -early_us and -1) as earliest_us,
    count(*) filter (delay_us < -early_us) as too_early
from about
group by user_id, send_id
