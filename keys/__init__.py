"""Who may call: access keys, their secrets and roots. No HTTP, no XML, no store."""
