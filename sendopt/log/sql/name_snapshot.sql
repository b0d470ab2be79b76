insert into named_snapshot (name, snapshot) values ($name, $snapshot)
