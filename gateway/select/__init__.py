"""S3 Select: its SQL, the bounded process that runs it, the event stream that carries answers."""
