"""S3's actions: what a policy may name, and which of them each operation needs.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
"""

from collections.abc import Mapping
from functools import lru_cache

from gateway.policy.wildcards import Pattern, pattern

OWNERS_OWN = frozenset({"s3:PutBucketPolicy", "s3:GetBucketPolicy", "s3:DeleteBucketPolicy"})
"""What the owner may always do, or a policy could lock everybody out for ever.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html
"""

_OTHER_NAMES = {
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "CreateBucketMetadataConfiguration": "CreateBucketMetadataTableConfiguration",
    "DeleteBucketAnalyticsConfiguration": "PutAnalyticsConfiguration",
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketIntelligentTieringConfiguration": "PutIntelligentTieringConfiguration",
    "DeleteBucketInventoryConfiguration": "PutInventoryConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketMetadataConfiguration": "DeleteBucketMetadataTableConfiguration",
    "DeleteBucketMetricsConfiguration": "PutMetricsConfiguration",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteObjects": "DeleteObject",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetBucketAnalyticsConfiguration": "GetAnalyticsConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketIntelligentTieringConfiguration": "GetIntelligentTieringConfiguration",
    "GetBucketInventoryConfiguration": "GetInventoryConfiguration",
    "GetBucketLifecycle": "GetLifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketMetadataConfiguration": "GetBucketMetadataTableConfiguration",
    "GetBucketMetricsConfiguration": "GetMetricsConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBucketAnalyticsConfigurations": "GetAnalyticsConfiguration",
    "ListBucketIntelligentTieringConfigurations": "GetIntelligentTieringConfiguration",
    "ListBucketInventoryConfigurations": "GetInventoryConfiguration",
    "ListBucketMetricsConfigurations": "GetMetricsConfiguration",
    "ListBuckets": "ListAllMyBuckets",
    "ListDirectoryBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectAnnotations": "GetObjectAnnotation",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListParts": "ListMultipartUploadParts",
    "PostObject": "PutObject",
    "PutBucketAccelerateConfiguration": "PutAccelerateConfiguration",
    "PutBucketAnalyticsConfiguration": "PutAnalyticsConfiguration",
    "PutBucketCors": "PutBucketCORS",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketIntelligentTieringConfiguration": "PutIntelligentTieringConfiguration",
    "PutBucketInventoryConfiguration": "PutInventoryConfiguration",
    "PutBucketLifecycle": "PutLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutBucketMetricsConfiguration": "PutMetricsConfiguration",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "PutBucketReplication": "PutReplicationConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "SelectObjectContent": "GetObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
}
"""Operations whose action has another name. All others are called as their action is."""

_SAME_NAMES = """AbortMultipartUpload CreateBucket CreateBucketMetadataTableConfiguration
    CreateSession DeleteBucket DeleteBucketMetadataTableConfiguration DeleteBucketPolicy
    DeleteBucketWebsite DeleteObject DeleteObjectAnnotation DeleteObjectTagging GetBucketAbac
    GetBucketAcl GetBucketLocation GetBucketLogging GetBucketMetadataTableConfiguration
    GetBucketNotification GetBucketOwnershipControls GetBucketPolicy GetBucketPolicyStatus
    GetBucketRequestPayment GetBucketTagging GetBucketVersioning GetBucketWebsite GetObject
    GetObjectAcl GetObjectAnnotation GetObjectAttributes GetObjectLegalHold GetObjectRetention
    GetObjectTagging GetObjectTorrent PutBucketAbac PutBucketAcl PutBucketLogging
    PutBucketNotification PutBucketOwnershipControls PutBucketPolicy PutBucketRequestPayment
    PutBucketTagging PutBucketVersioning PutBucketWebsite PutObject PutObjectAcl
    PutObjectAnnotation PutObjectLegalHold PutObjectRetention PutObjectTagging RenameObject
    RestoreObject UpdateBucketMetadataAnnotationTableConfiguration
    UpdateBucketMetadataInventoryTableConfiguration UpdateBucketMetadataJournalTableConfiguration
    UpdateObjectEncryption WriteGetObjectResponse"""

ACTIONS = {
    name: f"s3:{action}"
    for name, action in ({name: name for name in _SAME_NAMES.split()} | _OTHER_NAMES).items()
}
"""Operation to action, for every operation of AWS's model and POST of a form."""

_OF_A_VERSION = {
    "s3:DeleteObject": "s3:DeleteObjectVersion",
    "s3:DeleteObjectTagging": "s3:DeleteObjectVersionTagging",
    "s3:GetObject": "s3:GetObjectVersion",
    "s3:GetObjectAcl": "s3:GetObjectVersionAcl",
    "s3:GetObjectAttributes": "s3:GetObjectVersionAttributes",
    "s3:GetObjectTagging": "s3:GetObjectVersionTagging",
    "s3:GetObjectTorrent": "s3:GetObjectVersionTorrent",
    "s3:PutObjectAcl": "s3:PutObjectVersionAcl",
    "s3:PutObjectTagging": "s3:PutObjectVersionTagging",
}

_OTHERS = """BypassGovernanceRetention DeleteObjectVersion DeleteObjectVersionTagging
    GetBucketPublicAccessBlock GetObjectVersion GetObjectVersionAcl GetObjectVersionAttributes
    GetObjectVersionForReplication GetObjectVersionTagging GetObjectVersionTorrent
    InitiateReplication ObjectOwnerOverrideToBucketOwner PauseReplication PutObjectVersionAcl
    PutObjectVersionTagging ReplicateDelete ReplicateObject ReplicateTags
    DeleteBucketOwnershipControls PostBucket GetObjectLambda"""

KNOWN = frozenset(ACTIONS.values()) | {f"s3:{name}" for name in _OTHERS.split()}
"""What a policy may name."""


@lru_cache(maxsize=1024)
def known(text: str) -> bool:
    """``s3:Get*``, ``S3:getobject``, ``*``: it stands for at least one action."""
    wanted = action_pattern(text)
    return any(wanted.matches(name, lambda _: None) for name in KNOWN)


def action_pattern(text: str) -> Pattern:
    """Actions have no variables, and case does not matter."""
    return pattern(text, variables=False, ignore_case=True)


_BY_HEADER = {
    "x-amz-acl": "s3:PutObjectAcl",
    "x-amz-tagging": "s3:PutObjectTagging",
    "x-amz-object-lock-mode": "s3:PutObjectRetention",
    "x-amz-object-lock-retain-until-date": "s3:PutObjectRetention",
    "x-amz-object-lock-legal-hold": "s3:PutObjectLegalHold",
}
_MAKES_AN_OBJECT = frozenset({"PutObject", "PostObject", "CopyObject", "CreateMultipartUpload"})


def needed(operation: str, headers: Mapping[str, str], version: bool) -> tuple[str, ...]:
    """The actions a caller must be allowed for one operation on one resource, the main one first.

    ``headers``: lower-case names to values. ``version``: a version is named. What a header asks
    for beside the object's bytes needs the right to it as well, so that PutObject alone gives
    nobody the right to set tags or ACLs. https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
    """
    action = ACTIONS[operation]
    if version:
        action = _OF_A_VERSION.get(action, action)
    if operation == "GetObjectAttributes":
        return (action, "s3:GetObjectVersion" if version else "s3:GetObject")
    if operation not in _MAKES_AN_OBJECT:
        return (action,)
    more = {right: None for name, right in _BY_HEADER.items() if name in headers}
    if any(name.startswith("x-amz-grant-") for name in headers):
        more["s3:PutObjectAcl"] = None
    return (action, *more)
