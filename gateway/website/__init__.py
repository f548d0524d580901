"""Buckets as websites: on hosts of their own, for browsers, read by everybody."""
