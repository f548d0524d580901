"""Who may call: access keys, their secrets and their root directories. No HTTP, no XML, no store."""
