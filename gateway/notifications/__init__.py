"""Event notifications: what a bucket wants told, what is said, and how it gets to a webhook."""
