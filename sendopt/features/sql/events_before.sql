-- events_before
-- Grain: one row.  Reads: event.  Params: $until.
select count(*) as events from event where occurred_at < $until
