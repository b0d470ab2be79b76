"""The log in memory: users numbered, events by user and time."""
