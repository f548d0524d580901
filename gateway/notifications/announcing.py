"""A bucket's changes, told to the queues of the webhooks that want to know of them."""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime

from gateway.config import Config
from gateway.notifications.configuration import CONFIG, NotificationConfiguration, wishes
from gateway.notifications.event import LIFECYCLE, Origin, happened, record, trial
from gateway.trace import new_id
from gateway.wire.kept import kept
from store.changes import Change
from store.records import Bucket
from store.store import Store


def announced(store: Store, bucket: Bucket, origin: Origin, config: Config) -> Store:
    """``store``, whose commits also queue the events that ``bucket`` is configured to tell.

    What a webhook would get that is no longer in the settings is not kept for it.
    """
    configuration = kept(NotificationConfiguration, bucket.config, CONFIG)
    if configuration is None:
        return store
    webhooks, region = dict(config.webhook_urls), config.region
    wanted = [wish for wish in wishes(configuration) if wish.webhook in webhooks]

    def tell(lsn: int, changes: Sequence[Change]) -> Iterator[tuple[str, bytes]]:
        for number, change in enumerate(changes, lsn):
            told = happened(origin.operation, number, change)
            for wish in wanted if told is not None else ():
                assert told is not None
                if wish.wants(told.event, told.key):
                    yield wish.webhook, record(told, bucket, origin, id=wish.id, region=region)

    return store.announcing(tell)


def expiring(store: Store, config: Config, bucket: Bucket) -> Store:
    """As ``announced``, for what lifecycle rules do, which nobody asked for.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-configure-notification.html
    """
    origin = Origin(LIFECYCLE, "", "s3.amazonaws.com", new_id(), datetime.now(UTC))
    return announced(store, bucket, origin, config)


def tested(store: Store, bucket: Bucket, origin: Origin, webhooks: Collection[str]) -> Store:
    """``store``, whose next commit also queues a test event for each of ``webhooks``."""
    body = trial(bucket, origin)
    return store.announcing(lambda _lsn, _changes: [(name, body) for name in sorted(webhooks)])
