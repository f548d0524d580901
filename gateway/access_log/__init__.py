"""Server access logs: a line for each request, spooled by its worker, delivered as objects."""
