"""A fixed load over real sockets: what the gateway does, beside what the machine could do."""
