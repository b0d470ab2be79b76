-- newest
-- Grain: one row.  Reads: event.
select epoch_us(max(occurred_at)) as newest_us from event
