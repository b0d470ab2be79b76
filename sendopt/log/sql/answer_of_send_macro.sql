-- answer_of_send(outcome, until_us)
-- Grain: one row per send and event of type `outcome` before until_us that tells of it.
-- An event is about a send if it names the same send to the same user, by whomever and whenever.
create temporary macro answer_of_send(outcome, until_us) as table
select
    s.user_id,
    s.send_id,
    epoch_us(s.occurred_at) as sent_us,
    epoch_us(a.occurred_at) as answered_us
from send s
join event a on a.user_id = s.user_id and a.send_id = s.send_id
where a.event_type = outcome and epoch_us(a.occurred_at) < until_us
