"""Health paths: what load balancers and compose files ask."""

from gateway.response import Response
from store.store import Store

HEALTH = {
    "/healthz": False,
    "/minio/health/live": False,
    "/readyz": True,
    "/minio/health/ready": True,
}
"""True when a write must be possible. MinIO's are what compose files probe."""


async def health(store: Store, path: str) -> Response:
    """Raises ``Unavailable``, ``NoSpace``."""
    if HEALTH[path]:
        await store.ready()
    return Response(200, [("content-type", "text/plain")], b"ok\n")
