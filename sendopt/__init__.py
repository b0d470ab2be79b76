"""Learn when each user answers, and send every message at that moment."""
