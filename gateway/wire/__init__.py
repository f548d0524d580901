"""Typed requests and responses, and the bytes they are on the wire."""

from gateway.wire.parsing import parse, reads_document
from gateway.wire.rendering import render

__all__ = ["parse", "reads_document", "render"]
