"""All rules together; the last ones: tags and locks of objects, and time that passes."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.torture import model_objects as model
from tests.torture import model_uploads
from tests.torture.model_door import text
from tests.torture.model_machine import BUCKET, KEY, VERSION, WHO, iso
from tests.torture.model_rights import OWN, check
from tests.torture.model_rules_controls import Controls
from tests.torture.model_rules_objects import TAGS, xml
from tests.torture.model_world import DAY, Lock, Version, refuse, relocked

_VERBS = {"p": ("PUT", "Put", 200), "g": ("GET", "Get", 200), "d": ("DELETE", "Delete", 204)}


class Locks(Controls):
    """What is said of an object after it was made."""

    @rule(
        who=WHO,
        at=BUCKET,
        key=KEY,
        version=VERSION,
        verb=st.sampled_from("ppgd"),
        pick=st.integers(0, 2),
    )
    def tagging(self, who: str, at: int, key: int, version: int, verb: str, pick: int) -> None:
        who = self.user(who, at)
        key_ = self.key(key, at)
        id = self.version_id(at, key_, version)
        query = {"tagging": ""} | ({} if id is None else {"versionId": id})
        method, name, status = _VERBS[verb]
        tags = TAGS[pick] if verb == "p" else {}
        listed = "".join(
            f"<Tag><Key>{xml(k)}</Key><Value>{xml(v)}</Value></Tag>" for k, v in tags.items()
        )
        document = f"<Tagging><TagSet>{listed}</TagSet></Tagging>".encode() if verb == "p" else b""
        answer = self.ask(who, method, f"/{self.name(at)}/{key_}", query, body=document)
        action = f"s3:{name}ObjectTagging"
        found = self.outcome(
            answer, lambda: model.of_object(self.bucket(at), who, key_, id, action), status
        )
        if found is None:
            return
        if verb == "g":
            pairs = [
                (text(each, "Key"), text(each, "Value")) for each in answer.document.iter("{*}Tag")
            ]
            self.same("tags", pairs, list(found.tags.items()))
        else:
            found.tags = dict(tags)

    @rule(
        who=st.sampled_from("AAAAB"), at=BUCKET, key=KEY, version=VERSION,
        mode=st.sampled_from(["GOVERNANCE", "GOVERNANCE", "COMPLIANCE", ""]),
        days=st.integers(1, 3), bypass=st.booleans(),
    )  # fmt: skip
    def put_retention(
        self, who: str, at: int, key: int, version: int, mode: str, days: int, bypass: bool
    ) -> None:
        """Without a mode it is taken off."""
        key_ = self.key(key, at)
        id = self.version_id(at, key_, version)
        until = (self.now // 1000) * 1000 + days * DAY if mode else 0
        said = f"<Mode>{mode}</Mode><RetainUntilDate>{iso(until)}</RetainUntilDate>" if mode else ""
        query = {"retention": ""} | ({} if id is None else {"versionId": id})
        headers = {"x-amz-bypass-governance-retention": "true"} if bypass else {}
        document = f"<Retention>{said}</Retention>".encode()
        answer = self.ask(who, "PUT", f"/{self.name(at)}/{key_}", query, headers, document)

        def wanted() -> Version:
            bucket = self.bucket(at)
            check(bucket, who, OWN, "s3:PutObjectRetention", key=key_)
            if bypass:
                check(bucket, who, OWN, "s3:BypassGovernanceRetention", key=key_)
            found = model.of_object(bucket, who, key_, id, "s3:PutObjectRetention")
            found.lock = relocked(found.lock, mode, until, self.now, bypass=bypass)
            return found

        self.outcome(answer, wanted)

    @rule(who=st.sampled_from("AAAAB"), at=BUCKET, key=KEY, version=VERSION, on=st.booleans())
    def put_legal_hold(self, who: str, at: int, key: int, version: int, on: bool) -> None:
        key_ = self.key(key, at)
        id = self.version_id(at, key_, version)
        query = {"legal-hold": ""} | ({} if id is None else {"versionId": id})
        document = f"<LegalHold><Status>{'ON' if on else 'OFF'}</Status></LegalHold>".encode()
        answer = self.ask(who, "PUT", f"/{self.name(at)}/{key_}", query, body=document)
        action = "s3:PutObjectLegalHold"
        found = self.outcome(
            answer, lambda: model.of_object(self.bucket(at), who, key_, id, action)
        )
        if found is not None:
            found.lock = Lock(found.lock.mode, found.lock.until, on)

    @rule(
        who=st.sampled_from("AAB"), at=BUCKET, key=KEY, version=VERSION,
        what=st.sampled_from(["retention", "legal-hold"]),
    )  # fmt: skip
    def lock(self, who: str, at: int, key: int, version: int, what: str) -> None:
        key_ = self.key(key, at)
        id = self.version_id(at, key_, version)
        query = {what: ""} | ({} if id is None else {"versionId": id})
        answer = self.ask(who, "GET", f"/{self.name(at)}/{key_}", query)
        action = "s3:GetObjectRetention" if what == "retention" else "s3:GetObjectLegalHold"

        def wanted() -> Lock:
            lock = model.of_object(self.bucket(at), who, key_, id, action).lock
            if (lock.hold is None) if what == "legal-hold" else not lock.until:
                refuse("NoSuchObjectLockConfiguration")
            return lock

        lock = self.outcome(answer, wanted)
        if lock is not None and what == "legal-hold":
            self.same("hold", answer.text("Status"), "ON" if lock.hold else "OFF")
        elif lock is not None:
            shown = (answer.text("Mode"), answer.text("RetainUntilDate"))
            self.same("retention", shown, (lock.mode, iso(lock.until)))

    @rule(at=BUCKET, mode=st.sampled_from(["GOVERNANCE", "COMPLIANCE"]), days=st.integers(0, 2))
    def put_default_retention(self, at: int, mode: str, days: int) -> None:
        """None at all for 0 days."""
        said = f"<DefaultRetention><Mode>{mode}</Mode><Days>{days}</Days></DefaultRetention>"
        said = f"<Rule>{said}</Rule>" if days else ""
        said = f"<ObjectLockEnabled>Enabled</ObjectLockEnabled>{said}"
        document = f"<ObjectLockConfiguration>{said}</ObjectLockConfiguration>"
        answer = self.ask(
            "A", "PUT", f"/{self.name(at)}", {"object-lock": ""}, body=document.encode()
        )

        def wanted() -> None:
            bucket = self.bucket(at)
            check(bucket, "A", OWN, "s3:PutBucketObjectLockConfiguration")
            if bucket.versioning != "Enabled":
                refuse("InvalidBucketState")
            bucket.locks = True
            bucket.rule = (mode, days) if days else None

        self.outcome(answer, wanted)

    @rule(days=st.sampled_from([1, 2, 3, 8]))
    def wait(self, days: int) -> None:
        self.door.clock.now += days * DAY

    @rule()
    def collect(self) -> None:
        """The collector has a round, as it has when nobody asks it to."""
        self.door.collect()
        for bucket in self.world.buckets.values():
            model_uploads.collect(bucket, self.now)


class Everything(Locks):
    """What happens often is there more than once."""

    read_2 = read_3 = read_4 = Locks.read
    put_2 = put_3 = Locks.put
    delete_2 = delete_3 = Locks.delete
    copy_2 = Locks.copy
    complete_2 = Locks.complete
    list_v1_2, list_v2_2 = Locks.list_v1, Locks.list_v2
    list_versions_2 = Locks.list_versions
