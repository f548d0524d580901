"""ceph/s3-tests against this gateway: how it is run, what counts, and what came of it.

The suite is not here: whoever runs it fetches it (README.md says which commit).
"""
