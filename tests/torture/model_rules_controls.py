"""Rules: ownership controls and public access blocks of buckets."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.torture.model_machine import BUCKET
from tests.torture.model_rights import ENFORCED, OWN, PREFERRED, check, grants
from tests.torture.model_rules_rights import Rights, ownership
from tests.torture.model_world import refuse

OWNERSHIP = ("", PREFERRED, PREFERRED, ENFORCED, ENFORCED, "ObjectWriter")
BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


class Controls(Rights):
    """What stands above ACLs and policies."""

    @rule(who=st.sampled_from("AAAAB"), at=BUCKET, wanted=st.sampled_from(OWNERSHIP))
    def put_ownership(self, who: str, at: int, wanted: str) -> None:
        """None: the controls are removed."""
        path, query = f"/{self.name(at)}", {"ownershipControls": ""}
        if wanted:
            answer = self.ask(who, "PUT", path, query, body=ownership(wanted))
        else:
            answer = self.ask(who, "DELETE", path, query)

        def judged() -> None:
            bucket = self.bucket(at)
            check(bucket, who, OWN, "s3:PutBucketOwnershipControls")
            if wanted == ENFORCED and any(
                grantee != bucket.owner for grantee, _ in grants(bucket.acl, bucket.owner, "")
            ):
                refuse("InvalidBucketAclWithObjectOwnership")
            bucket.ownership = wanted

        self.outcome(answer, judged, 200 if wanted else 204)

    @rule(who=st.sampled_from("AAAAB"), at=BUCKET, wanted=st.sets(st.sampled_from(BLOCKS)))
    def put_block(self, who: str, at: int, wanted: set[str]) -> None:
        """None: the block is removed."""
        path, query = f"/{self.name(at)}", {"publicAccessBlock": ""}
        said = "".join(f"<{each}>true</{each}>" for each in sorted(wanted))
        document = f"<PublicAccessBlockConfiguration>{said}</PublicAccessBlockConfiguration>"
        if wanted:
            answer = self.ask(who, "PUT", path, query, body=document.encode())
        else:
            answer = self.ask(who, "DELETE", path, query)

        def judged() -> None:
            bucket = self.bucket(at)
            check(bucket, who, OWN, "s3:PutBucketPublicAccessBlock")
            bucket.blocked = frozenset(wanted)

        self.outcome(answer, judged, 200 if wanted else 204)
