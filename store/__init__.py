"""Content-addressed bytes and the names that point at them. No HTTP, no XML, no access keys."""
