"""What clients do to a service, good and bad, and what the service costs meanwhile."""
