"""What was known of users, and of everybody, as of an instant."""
