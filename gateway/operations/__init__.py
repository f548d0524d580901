"""The S3 API on one screen: AWS's request line, the right it takes, the verb."""

from gateway.access import Needs
from gateway.operation import Operations, operation
from gateway.operations.accelerate import (
    get_bucket_accelerate_configuration,
    put_bucket_accelerate_configuration,
)
from gateway.operations.acl import (
    get_bucket_acl,
    get_object_acl,
    put_bucket_acl,
    put_object_acl,
)
from gateway.operations.annotations import (
    delete_object_annotation,
    get_object_annotation,
    list_object_annotations,
    put_object_annotation,
)
from gateway.operations.attributes import get_object_attributes
from gateway.operations.bucket import (
    create_bucket,
    delete_bucket,
    get_bucket_location,
    head_bucket,
    list_buckets,
)
from gateway.operations.complete import complete_multipart_upload
from gateway.operations.copy import copy_object, upload_part_copy
from gateway.operations.cors import delete_bucket_cors, get_bucket_cors, put_bucket_cors
from gateway.operations.defaults import (
    get_bucket_request_payment,
    get_object_torrent,
    list_bucket_analytics_configurations,
    list_bucket_intelligent_tiering_configurations,
    list_bucket_inventory_configurations,
    list_bucket_metrics_configurations,
    put_bucket_request_payment,
)
from gateway.operations.delete import delete_objects
from gateway.operations.encryption import (
    delete_bucket_encryption,
    get_bucket_encryption,
    put_bucket_encryption,
    update_object_encryption,
)
from gateway.operations.lifecycle import (
    delete_bucket_lifecycle,
    get_bucket_lifecycle_configuration,
    put_bucket_lifecycle_configuration,
)
from gateway.operations.listing import list_objects, list_objects_v2
from gateway.operations.logging import get_bucket_logging, put_bucket_logging
from gateway.operations.multipart import (
    abort_multipart_upload,
    create_multipart_upload,
    upload_part,
)
from gateway.operations.notification import (
    get_bucket_notification_configuration,
    put_bucket_notification_configuration,
)
from gateway.operations.object import delete_object, get_object, head_object, put_object
from gateway.operations.object_lock import (
    get_object_lock_configuration,
    put_object_lock_configuration,
)
from gateway.operations.ownership import (
    delete_bucket_ownership_controls,
    get_bucket_ownership_controls,
    put_bucket_ownership_controls,
)
from gateway.operations.policy import (
    delete_bucket_policy,
    get_bucket_policy,
    get_bucket_policy_status,
    put_bucket_policy,
)
from gateway.operations.post import post_object
from gateway.operations.public_access import (
    delete_public_access_block,
    get_public_access_block,
    put_public_access_block,
)
from gateway.operations.rename import rename_object
from gateway.operations.replication import (
    delete_bucket_replication,
    get_bucket_replication,
    put_bucket_replication,
)
from gateway.operations.restore import restore_object
from gateway.operations.retention import (
    get_object_legal_hold,
    get_object_retention,
    put_object_legal_hold,
    put_object_retention,
)
from gateway.operations.select import select_object_content
from gateway.operations.tagging import (
    delete_bucket_tagging,
    delete_object_tagging,
    get_bucket_tagging,
    get_object_tagging,
    put_bucket_tagging,
    put_object_tagging,
)
from gateway.operations.unconfigured import (
    get_bucket_analytics_configuration,
    get_bucket_intelligent_tiering_configuration,
    get_bucket_inventory_configuration,
    get_bucket_metrics_configuration,
)
from gateway.operations.uploads import list_multipart_uploads, list_parts
from gateway.operations.versioning import get_bucket_versioning, put_bucket_versioning
from gateway.operations.versions import list_object_versions
from gateway.operations.website import (
    delete_bucket_website,
    get_bucket_website,
    put_bucket_website,
)

READ, GET, WRITE, OWNER, SIGNED = Needs.READ, Needs.GET, Needs.WRITE, Needs.OWNER, Needs.SIGNED

# BTIP-25, "Access Control Lists (ACLs)", says what each right opens. Location and versioning tell
# nothing that a listing does not, and clients ask for them before they list: whoever may list may.
OPERATIONS = Operations(
    (
        operation("GET /", SIGNED, list_buckets),
        operation("PUT /{Bucket}", SIGNED, create_bucket),
        operation("HEAD /{Bucket}", READ, head_bucket),
        operation("DELETE /{Bucket}", OWNER, delete_bucket, status=204),
        operation("GET /{Bucket}?location", READ, get_bucket_location),
        operation("PUT /{Bucket}?versioning", OWNER, put_bucket_versioning),
        operation("GET /{Bucket}?versioning", READ, get_bucket_versioning),
        operation("PUT /{Bucket}?acl", Needs.WRITE_ACP, put_bucket_acl),
        operation("GET /{Bucket}?acl", Needs.READ_ACP, get_bucket_acl),
        operation("PUT /{Bucket}?policy", OWNER, put_bucket_policy),
        operation("GET /{Bucket}?policy", OWNER, get_bucket_policy),
        operation("DELETE /{Bucket}?policy", OWNER, delete_bucket_policy, status=204),
        operation("GET /{Bucket}?policyStatus", OWNER, get_bucket_policy_status),
        operation("PUT /{Bucket}?tagging", OWNER, put_bucket_tagging),
        operation("GET /{Bucket}?tagging", OWNER, get_bucket_tagging),
        operation("DELETE /{Bucket}?tagging", OWNER, delete_bucket_tagging, status=204),
        operation("PUT /{Bucket}?cors", OWNER, put_bucket_cors),
        operation("GET /{Bucket}?cors", OWNER, get_bucket_cors),
        operation("DELETE /{Bucket}?cors", OWNER, delete_bucket_cors, status=204),
        operation("PUT /{Bucket}?ownershipControls", OWNER, put_bucket_ownership_controls),
        operation("GET /{Bucket}?ownershipControls", OWNER, get_bucket_ownership_controls),
        operation(
            "DELETE /{Bucket}?ownershipControls",
            OWNER,
            delete_bucket_ownership_controls,
            status=204,
        ),
        operation("PUT /{Bucket}?publicAccessBlock", OWNER, put_public_access_block),
        operation("GET /{Bucket}?publicAccessBlock", OWNER, get_public_access_block),
        operation(
            "DELETE /{Bucket}?publicAccessBlock", OWNER, delete_public_access_block, status=204
        ),
        operation("PUT /{Bucket}?requestPayment", OWNER, put_bucket_request_payment),
        operation("GET /{Bucket}?requestPayment", OWNER, get_bucket_request_payment),
        operation("PUT /{Bucket}?accelerate", OWNER, put_bucket_accelerate_configuration),
        operation("GET /{Bucket}?accelerate", OWNER, get_bucket_accelerate_configuration),
        operation("PUT /{Bucket}?logging", OWNER, put_bucket_logging),
        operation("GET /{Bucket}?logging", OWNER, get_bucket_logging),
        operation("PUT /{Bucket}?notification", OWNER, put_bucket_notification_configuration),
        operation("GET /{Bucket}?notification", OWNER, get_bucket_notification_configuration),
        operation("PUT /{Bucket}?encryption", OWNER, put_bucket_encryption),
        operation("GET /{Bucket}?encryption", OWNER, get_bucket_encryption),
        operation("DELETE /{Bucket}?encryption", OWNER, delete_bucket_encryption, status=204),
        operation("PUT /{Bucket}?lifecycle", OWNER, put_bucket_lifecycle_configuration),
        operation("GET /{Bucket}?lifecycle", OWNER, get_bucket_lifecycle_configuration),
        operation("DELETE /{Bucket}?lifecycle", OWNER, delete_bucket_lifecycle, status=204),
        operation("PUT /{Bucket}?replication", OWNER, put_bucket_replication),
        operation("GET /{Bucket}?replication", OWNER, get_bucket_replication),
        operation("DELETE /{Bucket}?replication", OWNER, delete_bucket_replication, status=204),
        operation("PUT /{Bucket}?website", OWNER, put_bucket_website),
        operation("GET /{Bucket}?website", OWNER, get_bucket_website),
        operation("PUT /{Bucket}?object-lock", OWNER, put_object_lock_configuration),
        operation("DELETE /{Bucket}?website", OWNER, delete_bucket_website, status=204),
        operation("GET /{Bucket}?object-lock", OWNER, get_object_lock_configuration),
        operation("GET /{Bucket}?analytics", OWNER, list_bucket_analytics_configurations),
        operation("GET /{Bucket}?analytics", OWNER, get_bucket_analytics_configuration),
        operation(
            "GET /{Bucket}?intelligent-tiering",
            OWNER,
            list_bucket_intelligent_tiering_configurations,
        ),
        operation(
            "GET /{Bucket}?intelligent-tiering",
            OWNER,
            get_bucket_intelligent_tiering_configuration,
        ),
        operation("GET /{Bucket}?inventory", OWNER, list_bucket_inventory_configurations),
        operation("GET /{Bucket}?inventory", OWNER, get_bucket_inventory_configuration),
        operation("GET /{Bucket}?metrics", OWNER, list_bucket_metrics_configurations),
        operation("GET /{Bucket}?metrics", OWNER, get_bucket_metrics_configuration),
        operation("GET /{Bucket}", READ, list_objects),
        operation("GET /{Bucket}?list-type=2", READ, list_objects_v2),
        operation("GET /{Bucket}?versions", READ, list_object_versions),
        operation("PUT /{Bucket}/{Key+}", WRITE, put_object),
        operation("GET /{Bucket}/{Key+}", GET, get_object, repeats=True, shows=True),
        operation("HEAD /{Bucket}/{Key+}", GET, head_object, repeats=True, shows=True),
        operation("PUT /{Bucket}/{Key+}", WRITE, copy_object, slow=True),
        operation("DELETE /{Bucket}/{Key+}", WRITE, delete_object, status=204),
        operation("PUT /{Bucket}/{Key+}?renameObject", WRITE, rename_object),
        operation("POST /{Bucket}/{Key+}?restore", OWNER, restore_object),
        operation("POST /{Bucket}/{Key+}?select&select-type=2", GET, select_object_content),
        operation("POST /{Bucket}?delete", WRITE, delete_objects),
        operation("POST /{Bucket}", WRITE, post_object, status=204, form=True),
        operation("PUT /{Bucket}/{Key+}?acl", Needs.PUT_ACP, put_object_acl),
        operation("GET /{Bucket}/{Key+}?acl", Needs.GET_ACP, get_object_acl),
        operation("PUT /{Bucket}/{Key+}?encryption", OWNER, update_object_encryption),
        operation("PUT /{Bucket}/{Key+}?tagging", OWNER, put_object_tagging),
        operation("GET /{Bucket}/{Key+}?tagging", OWNER, get_object_tagging),
        operation("DELETE /{Bucket}/{Key+}?tagging", OWNER, delete_object_tagging, status=204),
        operation("PUT /{Bucket}/{Key+}?retention", OWNER, put_object_retention),
        operation("GET /{Bucket}/{Key+}?retention", OWNER, get_object_retention),
        operation("PUT /{Bucket}/{Key+}?legal-hold", OWNER, put_object_legal_hold),
        operation("GET /{Bucket}/{Key+}?legal-hold", OWNER, get_object_legal_hold),
        operation("PUT /{Bucket}/{Key+}?annotation", OWNER, put_object_annotation),
        operation("GET /{Bucket}/{Key+}?annotation", OWNER, get_object_annotation),
        operation("GET /{Bucket}/{Key+}?annotation", OWNER, list_object_annotations),
        operation(
            "DELETE /{Bucket}/{Key+}?annotation", OWNER, delete_object_annotation, status=204
        ),
        operation("GET /{Bucket}/{Key+}?torrent", GET, get_object_torrent),
        operation("GET /{Bucket}/{Key+}?attributes", GET, get_object_attributes),
        operation("POST /{Bucket}/{Key+}?uploads", WRITE, create_multipart_upload),
        operation("PUT /{Bucket}/{Key+}", WRITE, upload_part),
        operation("PUT /{Bucket}/{Key+}", WRITE, upload_part_copy, slow=True),
        operation("GET /{Bucket}/{Key+}", WRITE, list_parts),
        operation("GET /{Bucket}?uploads", WRITE, list_multipart_uploads),
        operation("POST /{Bucket}/{Key+}", WRITE, complete_multipart_upload, slow=True),
        operation("DELETE /{Bucket}/{Key+}", WRITE, abort_multipart_upload, status=204),
    )
)
