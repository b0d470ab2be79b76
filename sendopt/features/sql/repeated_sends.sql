-- repeated_sends
-- Grain: one row per `send` event that does not count, because another one tells of the same send.
-- Reads: event, repeated_send.
select user_id, epoch_us(occurred_at) as happened_us
from event
join repeated_send r using (user_id, send_id)
where event_type = 'send' and {'at': occurred_at, 'id': event_id} <> r.first
order by user_id, happened_us
