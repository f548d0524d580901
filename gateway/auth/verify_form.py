"""verify_form: a form and the key table -> who sent it, and its file under guard.

The counterpart of ``verify`` where the claim is in fields and a policy says what is allowed.
"""

from datetime import datetime

from gateway.access import Caller
from gateway.auth import canonical, header, post_policy, sigv2
from gateway.auth.body import guard_file
from gateway.auth.claim import MAX_TOKEN, parse_scope
from gateway.auth.form import SIGV2_FIELDS, SIGV4_FIELDS, Form, missing
from gateway.auth.verify import NOBODY, Keys, Verified, mechanisms, several, signed
from gateway.config import Config
from gateway.errors import InvalidArgument, InvalidRequest, InvalidToken, S3Error
from gateway.request import Request
from keys.access_key import AccessKey


def verify_form(
    request: Request, form: Form, keys: Keys, config: Config, now: datetime
) -> Verified:
    """Decide who sent a form, by its fields, and hold its file to what its policy allows.

    A form without any field of a signature is anonymous; it has no policy to hold to.

    Raises as ``verify``, and ``InvalidArgument`` (a field of a signature is missing),
    ``InvalidPolicyDocument``.
    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-authentication-HTTPPOST.html
    """
    fields = form.fields
    if "x-amz-security-token" in fields:
        raise InvalidToken
    v4 = not SIGV4_FIELDS.isdisjoint(fields)
    v2 = not SIGV2_FIELDS.isdisjoint(fields)
    if mechanisms(request) or (v4 and v2):
        raise several()
    if not v4 and not v2 and "policy" not in fields:
        return Verified(Caller(None), guard_file(form.headers, form.file, config.differences))
    access_key = _form_sigv4(fields, keys, config) if v4 else _form_sigv2(fields, keys, config)
    policy = post_policy.read(fields["policy"])
    absent = "" if config.differences.absent_field_is_empty else None
    policy.check(fields, request.bucket or "", now, absent=absent)
    file = form.file.within(policy.least, policy.most)
    return Verified(Caller(access_key), guard_file(form.headers, file, config.differences))


def _form_sigv4(fields: dict[str, str], keys: Keys, config: Config) -> AccessKey:
    for name in ("policy", *sorted(SIGV4_FIELDS)):
        if name not in fields:
            missing(name)
    if fields["x-amz-algorithm"] != canonical.ALGORITHM:
        raise InvalidArgument(
            f'X-Amz-Algorithm only supports "{canonical.ALGORITHM}"', ArgumentName="x-amz-algorithm"
        )
    if len(fields["x-amz-credential"]) > 2 * MAX_TOKEN:  # what is read is remembered
        raise _bad_credential("the Credential is too long.")
    scope = parse_scope(fields["x-amz-credential"], _bad_credential)
    if config.strict_region and scope.region != config.region:
        raise _bad_credential(f"the region '{scope.region}' is wrong; expecting '{config.region}'")

    def sign(secret: str, message: bytes) -> str:
        # Nobody's keys must not push those in use out of the cache.
        of = ("", "") if secret is NOBODY.secret else (scope.key_id, scope.region)
        return canonical.signing_key(of[0], secret, scope.day, of[1]).sign(message)

    return signed(scope.key_id, fields["x-amz-signature"], [fields["policy"].encode()], keys, sign)


def _form_sigv2(fields: dict[str, str], keys: Keys, config: Config) -> AccessKey:
    if not config.sigv2:
        raise InvalidRequest(header.UNSUPPORTED_MECHANISM)
    for name in ("AWSAccessKeyId", "policy", "signature"):
        if name.lower() not in fields:
            missing(name)
    key_id, policy = fields["awsaccesskeyid"], fields["policy"].encode()
    return signed(key_id, fields["signature"], [policy], keys, sigv2.signature)


def _bad_credential(detail: str) -> S3Error:
    text = f"Error parsing the X-Amz-Credential parameter; {detail}"
    return InvalidArgument(text, ArgumentName="x-amz-credential")
