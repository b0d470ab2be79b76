"""One file a subject: its routes and the shape of its answers."""
