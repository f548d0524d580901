"""Settings: how a store behaves. The data directory itself does not depend on any of it."""

from msgspec import Struct


class Settings(Struct, frozen=True):
    """How a store behaves; the data directory itself does not depend on any of it."""

    durability: str = "commit"
    """commit: answered when on disk. interval: synced every 200 ms. none: never synced (tests)."""
    inline_bytes: int = 16 * 1024
    segment_bytes: int = 1 << 30
    trash_grace_seconds: float = 60.0
    collect_seconds: float = 30.0
    """Pause between two rounds of the background collector."""
    upload_days: float = 7.0
    """Uploads in progress older than this are aborted by the collector, unless their bucket has a
    lifecycle configuration."""
    journal_bytes: int = 1 << 30
    """A journal longer than this, and than the database, is trimmed after a new base."""
    compact_below: float = 0.25
    """Segments with a smaller live share (0 to 1) are emptied; 0: none."""
    scrub_days: float = 30.0
    """A scrub begins this long after the one before; 0: never."""
    upkeep_bytes_per_second: int = 20 << 20
    """How fast chores (``store.chores``) read; 0: as fast as they can."""
