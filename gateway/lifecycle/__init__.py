"""Lifecycle: what a bucket's configuration says becomes of its objects, and when it is done."""
