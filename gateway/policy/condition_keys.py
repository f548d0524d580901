"""The condition keys a policy may name. What each is worth in a request is in ``facts``.

Of the keys that AWS knows and no request here has (VPCs, organizations), conditions are judged as
of any key that is absent.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html#amazons3-policy-keys
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

_GLOBAL = """CalledVia CalledViaFirst CalledViaLast CurrentTime Ec2InstanceSourcePrivateIPv4
    Ec2InstanceSourceVpc EpochTime FederatedProvider MultiFactorAuthAge MultiFactorAuthPresent
    PrincipalAccount PrincipalArn PrincipalIsAWSService PrincipalOrgID PrincipalOrgPaths
    PrincipalServiceName PrincipalServiceNamesList PrincipalType Referer RequestedRegion
    ResourceAccount ResourceOrgID ResourceOrgPaths SecureTransport SourceAccount SourceArn
    SourceIdentity SourceIp SourceOrgID SourceOrgPaths SourceOwner SourceVpc SourceVpcArn
    SourceVpce TagKeys TokenIssueTime UserAgent VpcSourceIp VpceAccount VpceOrgID VpceOrgPaths
    ViaAWSService userid username"""

_S3 = """AccessGrantsInstanceArn AccessPointNetworkOrigin AnnotationName DataAccessPointAccount
    DataAccessPointArn ExistingJobOperation ExistingJobPriority InventoryAccessibleOptionalFields
    JobSuspendedCause LocationConstraint ObjectCreationOperation RequestJobOperation
    RequestJobPriority RequestObjectTagKeys ResourceAccount TlsVersion VersionId authType
    delimiter destinationRegion if-match if-none-match isReplicationPauseRequest
    max-keys object-lock-legal-hold object-lock-mode
    object-lock-remaining-retention-days object-lock-retain-until-date prefix signatureAge
    signatureversion x-amz-acl x-amz-content-sha256 x-amz-copy-source
    x-amz-grant-full-control x-amz-grant-read x-amz-grant-read-acp x-amz-grant-write
    x-amz-grant-write-acp x-amz-metadata-directive x-amz-object-ownership
    x-amz-server-side-encryption x-amz-server-side-encryption-aws-kms-key-id
    x-amz-server-side-encryption-customer-algorithm x-amz-storage-class
    x-amz-website-redirect-location"""

_NAMES = frozenset(
    [f"aws:{name.lower()}" for name in _GLOBAL.split()]
    + [f"s3:{name.lower()}" for name in _S3.split()]
)
_FAMILIES = (
    "aws:principaltag/",
    "aws:requesttag/",
    "aws:resourcetag/",
    "s3:buckettag/",
    "s3:existingobjecttag/",
    "s3:requestobjecttag/",
)


def is_known(key: str) -> bool:
    """Case does not matter: ``aws:sourceIP``, ``s3:ExistingObjectTag/security``."""
    name = key.lower()
    return name in _NAMES or any(
        name.startswith(family) and len(name) > len(family) for family in _FAMILIES
    )
