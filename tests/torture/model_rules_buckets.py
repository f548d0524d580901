"""Rules: buckets made, found and removed, and whether they keep versions."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.torture.model_machine import BUCKET, WHO
from tests.torture.model_rights import LIST, OWN, check
from tests.torture.model_rules_uploads import Uploads
from tests.torture.model_world import Acl, Bucket, refuse


class Buckets(Uploads):
    """Requests about buckets themselves."""

    @rule(who=st.sampled_from("AAB"), at=BUCKET, locks=st.sampled_from([False, False, True]))
    def create_bucket(self, who: str, at: int, locks: bool) -> None:
        name = self.name(at)
        headers = {"x-amz-bucket-object-lock-enabled": "true"} if locks else {}
        answer = self.ask(who, "PUT", f"/{name}", headers=headers)

        def wanted() -> Bucket:
            there = self.world.buckets.get(name)
            if there is None:
                versioning = "Enabled" if locks else ""
                return Bucket(name, who, self.now, versioning=versioning, locks=locks)
            if there.owner != who:
                refuse("BucketAlreadyExists")
            if there.acl != Acl() or there.locks != locks or there.ownership:
                refuse("BucketAlreadyOwnedByYou")
            return there

        made = self.outcome(answer, wanted)
        if made is not None:
            self.world.buckets[name] = made

    @rule(who=st.sampled_from("AAAB"), at=BUCKET)
    def delete_bucket(self, who: str, at: int) -> None:
        answer = self.ask(who, "DELETE", f"/{self.name(at)}")

        def wanted() -> bool:
            bucket = self.bucket(at)
            check(bucket, who, OWN, "s3:DeleteBucket")
            if bucket.keys:
                refuse("BucketNotEmpty")
            return True

        if self.outcome(answer, wanted, 204):
            del self.world.buckets[self.name(at)]

    @rule(who=WHO, at=BUCKET)
    def head_bucket(self, who: str, at: int) -> None:
        who = self.user(who, at)
        answer = self.ask(who, "HEAD", f"/{self.name(at)}")
        self.outcome(answer, lambda: check(self.bucket(at), who, LIST, "s3:ListBucket"))

    @rule(who=st.sampled_from("AAAAB"), at=BUCKET, status=st.sampled_from(["Enabled", "Suspended"]))
    def put_versioning(self, who: str, at: int, status: str) -> None:
        document = f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>"
        query = {"versioning": ""}
        answer = self.ask(who, "PUT", f"/{self.name(at)}", query, body=document.encode())

        def wanted() -> None:
            bucket = self.bucket(at)
            check(bucket, who, OWN, "s3:PutBucketVersioning")
            if bucket.locks and status != "Enabled":
                refuse("InvalidBucketState")
            bucket.versioning = status

        self.outcome(answer, wanted)

    @rule(who=st.sampled_from("AAB"), at=BUCKET)
    def versioning(self, who: str, at: int) -> None:
        answer = self.ask(who, "GET", f"/{self.name(at)}", {"versioning": ""})

        def wanted() -> str:
            check(self.bucket(at), who, LIST, "s3:GetBucketVersioning")
            return self.bucket(at).versioning

        status = self.outcome(answer, wanted)
        if status is not None:
            self.same("versioning", answer.text("Status"), status)
