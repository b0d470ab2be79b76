"""Local time of instants: offsets of zones, days of the week, weekends."""
