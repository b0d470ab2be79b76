-- How far the outbox of the state has been copied: the highest position counts. A row is added
-- with every copied batch, in the transaction of its events.
create table outbox_mark (
    position bigint not null
);
