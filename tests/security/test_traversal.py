"""Names that were taken for places. A key is a name and nothing else."""

import io
import tarfile

import pytest

from tests.gateway.rows import FORM_TYPE
from tests.gateway.sent import raw
from tests.security.conftest import SECRET

CLIMBS = (
    "../{vault}/k",
    "..\\{vault}\\k",
    "/../../{vault}/k",
    "%2e%2e/{vault}/k",
    "a/../../{vault}/k",
    "/etc/passwd",
    "..",
)


def form(key: str, filename: str) -> bytes:
    return (
        f'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\n{key}\r\n'
        f'--x\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'
        "mine\r\n--x--\r\n"
    ).encode()


@pytest.mark.parametrize("climb", CLIMBS)
def test_043_the_key_of_a_form_stays_in_its_bucket(gateway, s3, new_bucket, vault, climb):
    """versitygw eecc1a77. Keys are not paths, so what climbs is a name like others, as with AWS."""
    bucket = new_bucket(ACL="public-read-write")
    climb = climb.format(vault=vault)
    assert (
        raw(gateway, "POST", f"/{bucket}", form(climb, "f"), Content_Type=FORM_TYPE).status == 204
    )
    named = form("in/${filename}", climb)
    assert raw(gateway, "POST", f"/{bucket}", named, Content_Type=FORM_TYPE).status == 204
    kept = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    last = climb.replace("\\", "/").rpartition("/")[2]
    assert sorted(kept) == sorted([climb, f"in/{last}"])
    assert s3.get_object(Bucket=vault, Key="k")["Body"].read() == SECRET
    assert len(s3.list_objects_v2(Bucket=vault)["Contents"]) == 1


@pytest.mark.parametrize(
    "name",
    ["x-amz-meta-snowball-auto-extract", "x-minio-extract", "x-archive-extract", "x-amz-extract"],
)
def test_043_no_archive_is_unpacked(gateway, s3, bucket, vault, name):
    """RustFS GHSA-f4vq: entries of an archive climbed out of the bucket"""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(f"../{vault}/k"))
    asked = {name.replace("-", "_"): "true"}
    target = f"/{bucket}/archive.tar?extract"
    for path in (target, target.partition("?")[0]):
        raw(gateway, "PUT", path, packed.getvalue(), gateway.owner, **asked)
    kept = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    assert kept == ["archive.tar"]
    assert s3.get_object(Bucket=bucket, Key="archive.tar")["Body"].read() == packed.getvalue()
    assert s3.get_object(Bucket=vault, Key="k")["Body"].read() == SECRET


@pytest.mark.parametrize("target", ["/static/", "/favicon.ico", "/robots.txt", "/index.html"])
def test_045_no_path_is_a_file(gateway, target):
    """CVE-2024-23334 (aiohttp): there are no routes of files, so no link leads out of them"""
    for climb in ("", "..%2f..%2fetc%2fpasswd", "../../../etc/passwd"):
        answer = raw(gateway, "GET", target + climb)
        assert answer.status in (400, 404)
        assert b"root:" not in answer.body
