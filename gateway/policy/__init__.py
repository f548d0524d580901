"""Bucket policies: the IAM JSON language as S3 uses it, for ``gateway.access``. Pure."""
