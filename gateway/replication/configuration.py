"""A bucket's replication configuration: its document, what it may say, which rule holds. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-add-config.html
"""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Annotated

from gateway.errors import InvalidArgument, InvalidRequest, MalformedXML, S3NotImplemented
from gateway.wire.kept import kept
from gateway.wire.shape import Shape, Xml

CONFIG = "replication"
_ARN = "arn:aws:s3:::"
MOST_RULES = 1000


class Switch(StrEnum):
    ENABLED = "Enabled"
    DISABLED = "Disabled"


class Tag(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Tag.html"""

    key: str
    value: str


class ReplicationRuleAndOperator(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ReplicationRuleAndOperator.html"""

    prefix: str | None = None
    tags: Annotated[tuple[Tag, ...], Xml("Tag")] = ()


class ReplicationRuleFilter(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ReplicationRuleFilter.html"""

    prefix: str | None = None
    tag: Tag | None = None
    and_: Annotated[ReplicationRuleAndOperator | None, Xml("And")] = None


class Switched(Shape):
    """What can be enabled or disabled."""

    status: Switch


class DeleteMarkerReplication(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteMarkerReplication.html"""

    status: Switch | None = None


class SourceSelectionCriteria(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_SourceSelectionCriteria.html"""

    sse_kms_encrypted_objects: Switched | None = None
    replica_modifications: Switched | None = None


class AccessControlTranslation(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_AccessControlTranslation.html"""

    owner: str


class EncryptionConfiguration(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_EncryptionConfiguration.html"""

    replica_kms_key_id: Annotated[str | None, Xml("ReplicaKmsKeyID")] = None


class Destination(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Destination.html"""

    bucket: str
    account: str | None = None
    storage_class: str | None = None
    access_control_translation: AccessControlTranslation | None = None
    encryption_configuration: EncryptionConfiguration | None = None
    replication_time: Switched | None = None
    metrics: Switched | None = None


class ReplicationRule(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ReplicationRule.html"""

    id: Annotated[str | None, Xml("ID")] = None
    priority: int | None = None
    prefix: str | None = None
    filter: ReplicationRuleFilter | None = None
    status: Switch
    source_selection_criteria: SourceSelectionCriteria | None = None
    existing_object_replication: Switched | None = None
    destination: Destination
    delete_marker_replication: DeleteMarkerReplication | None = None

    def wants(self, key: str, tags: Mapping[str, str]) -> bool:
        said = self.filter or ReplicationRuleFilter()
        both = said.and_ or ReplicationRuleAndOperator()
        prefix = self.prefix or said.prefix or both.prefix or ""
        needed = [*both.tags, *([said.tag] if said.tag else [])]
        return (
            self.status is Switch.ENABLED
            and key.startswith(prefix)
            and all(tags.get(tag.key) == tag.value for tag in needed)
        )

    @property
    def markers(self) -> bool:
        """Delete markers are replicated. Rules without a filter are of the first version, which
        did that always.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/delete-marker-replication.html
        """
        said = self.delete_marker_replication
        return self.filter is None if said is None else said.status is Switch.ENABLED


class ReplicationConfiguration(Shape, root="ReplicationConfiguration"):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ReplicationConfiguration.html"""

    role: str
    rules: Annotated[tuple[ReplicationRule, ...], Xml("Rule")]


def target(rule: ReplicationRule) -> str:
    """The name of the bucket it copies to; empty when its ARN is none of a bucket."""
    arn = rule.destination.bucket
    return arn.removeprefix(_ARN) if arn.startswith(_ARN) else ""


def holds(
    documents: Mapping[str, bytes], key: str, tags: Mapping[str, str]
) -> ReplicationRule | None:
    """The rule of greatest priority that wants this object; ``documents`` are the bucket's."""
    found = kept(ReplicationConfiguration, documents, CONFIG)
    rules = [rule for rule in found.rules if rule.wants(key, tags)] if found else []
    return max(rules, key=lambda rule: rule.priority or 0, default=None)


def check(configuration: ReplicationConfiguration, targets: Collection[str]) -> None:
    """``targets``: the buckets that the settings say where to find.

    Raises ``MalformedXML``, ``InvalidArgument``, ``InvalidRequest`` (of a destination that is
    none), ``S3NotImplemented``.
    """
    rules = configuration.rules
    if not 1 <= len(rules) <= MOST_RULES:
        raise MalformedXML
    ids = [rule.id for rule in rules if rule.id]
    priorities = [rule.priority for rule in rules if rule.filter is not None]
    if len(set(ids)) < len(ids) or len(set(priorities)) < len(priorities):
        raise InvalidArgument("Rule Id and Priority must be unique.", ArgumentName="Rule")
    for rule in rules:
        _check(rule, targets)
    if len({rule.destination.bucket for rule in rules}) > 1:
        raise S3NotImplemented("All rules of a bucket must have the same destination.")


def _check(rule: ReplicationRule, targets: Collection[str]) -> None:
    if rule.prefix is not None and rule.filter is not None:
        raise MalformedXML
    if rule.filter is not None and rule.priority is None and rule.filter != ReplicationRuleFilter():
        raise InvalidRequest("Priority must be specified for this version of Cross Region "
                             "Replication configuration schema.")  # fmt: skip
    if target(rule) not in targets:
        raise InvalidRequest(
            "Destination bucket must exist: it is none of those this server is set up to copy to "
            "(setting replication_targets)."
        )
    where, source = rule.destination, rule.source_selection_criteria
    wanted = {
        "AccessControlTranslation": where.access_control_translation is not None,
        "EncryptionConfiguration": where.encryption_configuration is not None,
        "ReplicationTime": _on(where.replication_time),
        "Metrics": _on(where.metrics),
        "ExistingObjectReplication": _on(rule.existing_object_replication),
        "SseKmsEncryptedObjects": source is not None and _on(source.sse_kms_encrypted_objects),
        "ReplicaModifications": source is not None and _on(source.replica_modifications),
    }
    for name, asked in wanted.items():
        if asked:
            raise S3NotImplemented(f"{name} is not supported.", Element=name)


def _on(said: Switched | None) -> bool:
    return said is not None and said.status is Switch.ENABLED
