insert into outbox_mark (position) values ($position)
