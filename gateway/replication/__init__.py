"""Replication: a bucket's rules, what they want copied, and the copying to other endpoints."""
