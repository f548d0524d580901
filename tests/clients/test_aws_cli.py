"""aws-cli as people type it: mb, cp, sync, ls, rm, presign, rb; byte-equal, with the right CIDs."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.request import urlopen

import pytest
from ipfs_cid import cid_sha256_hash

MIB = 1024 * 1024
VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "unixfs.json").read_text())
"""CIDs that other implementations of UnixFS give; see the file."""

ODD_NAMES = [
    "plain.txt",
    "with space.txt",
    "deep er/and  deeper/x y",
    "ü/ñ 漢字 🦊.txt",
    "plus+plus",
    "100%",
    "%41 is no A",
    "a&b;c=d",
    "quote'\"s",
    "#hash?question",
    "[brackets]{and}~tilde",
    "back\\slash",
    "<xml>&amp;",
    ".hidden",
    "dir.with.dots/..twodots",
]

_buckets = count(1)


@dataclass(frozen=True)
class AwsCli:
    """``aws`` with the variables of the greeting and nothing else of this machine."""

    environ: dict[str, str]
    cwd: Path

    def __call__(self, *words, input=None):
        """What it prints; fails when the command does."""
        done = subprocess.run(
            [sys.executable, "-m", "awscli", *map(str, words)],
            env=self.environ,
            cwd=self.cwd,
            input=input,
            capture_output=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr.decode()
        assert done.stderr == b""
        return done.stdout

    def s3(self, *words, input=None):
        return self("s3", *words, input=input).decode()

    def cid(self, bucket, key):
        """The CID as the server shows it in the object's metadata."""
        head = json.loads(self("s3api", "head-object", "--bucket", bucket, "--key", key))
        assert head["Metadata"]["cid"] == head["Metadata"]["btfs-hash"]
        return head["Metadata"]["cid"]


def aws_cli(server, home):
    variables = {
        "AWS_ACCESS_KEY_ID": server.owner[0],
        "AWS_SECRET_ACCESS_KEY": server.owner[1],
        "AWS_ENDPOINT_URL": server.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "LC_ALL": "C.UTF-8",
    }
    if server.ca_bundle:
        variables["AWS_CA_BUNDLE"] = server.ca_bundle
    return AwsCli(variables, home)


@pytest.fixture(scope="module")
def server(serve):
    return serve()


@pytest.fixture(scope="module")
def aws(server, tmp_path_factory):
    return aws_cli(server, tmp_path_factory.mktemp("home"))


@pytest.fixture
def bucket(aws):
    name = f"cli-{next(_buckets)}"
    assert aws.s3("mb", f"s3://{name}") == f"make_bucket: {name}\n"
    return name


def s3gw_cid(path, profile="unixfs-v1-2025"):
    """What ``s3gw cid`` says a file would get."""
    command = [sys.executable, "-m", "gateway", "cid", "--profile", profile, str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def vector(size, profile):
    """A file of the vectors' stream, and the CID other implementations give it."""
    seed = VECTORS["stream"]["seed_ascii"].encode()
    blocks = range((size + 31) // 32)
    body = b"".join(hashlib.sha256(seed + n.to_bytes(8, "big")).digest() for n in blocks)[:size]
    return body, next(file for file in VECTORS["files"] if file["size"] == size)["cid"][profile]


def tree(directory):
    """Every file below, by its path, with its bytes."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def test_a_small_file_goes_up_and_comes_down(aws, bucket, tmp_path):
    body = b"small \x00 file\n"
    (tmp_path / "up").write_bytes(body)
    aws.s3("cp", tmp_path / "up", f"s3://{bucket}/a b+c%.bin")
    aws.s3("cp", f"s3://{bucket}/a b+c%.bin", tmp_path / "down")

    assert (tmp_path / "down").read_bytes() == body
    cid = aws.cid(bucket, "a b+c%.bin")
    assert cid == s3gw_cid(tmp_path / "up") == cid_sha256_hash(body)


def test_a_file_of_20_mib_goes_in_parts_and_keeps_its_cid(aws, bucket, tmp_path):
    body = os.urandom(20 * MIB + 1)
    (tmp_path / "up").write_bytes(body)
    aws.s3("cp", "--no-progress", tmp_path / "up", f"s3://{bucket}/large")
    aws.s3("cp", "--quiet", f"s3://{bucket}/large", f"s3://{bucket}/copy")
    aws.s3("cp", "--quiet", f"s3://{bucket}/copy", tmp_path / "down")

    assert (tmp_path / "down").read_bytes() == body
    assert aws.cid(bucket, "large") == aws.cid(bucket, "copy") == s3gw_cid(tmp_path / "up")


@pytest.mark.parametrize("size", [9 * MIB, 64 * 1024])
def test_standard_input_goes_up_and_comes_out_again(aws, bucket, size):
    body = os.urandom(size)
    aws.s3("cp", "-", f"s3://{bucket}/piped", input=body)

    assert aws("s3", "cp", f"s3://{bucket}/piped", "-") == body


def test_a_tree_of_odd_names_is_synced_up_and_down(aws, bucket, tmp_path):
    up, down = tmp_path / "up", tmp_path / "down"
    for number, name in enumerate(ODD_NAMES):
        (up / name).parent.mkdir(parents=True, exist_ok=True)
        (up / name).write_bytes(os.urandom(7_000 * number))
    said = aws.s3("sync", "--no-progress", up, f"s3://{bucket}/tree")
    assert said.count("upload: ") == len(ODD_NAMES)
    listed = aws.s3("ls", "--recursive", f"s3://{bucket}/tree/")
    assert sorted(line[31:] for line in listed.splitlines()) == sorted(
        f"tree/{name}" for name in ODD_NAMES
    )
    aws.s3("sync", "--quiet", f"s3://{bucket}/tree", down)
    assert tree(down) == tree(up)
    assert aws.s3("sync", "--no-progress", up, f"s3://{bucket}/tree") == ""  # nothing left to do

    (up / "plain.txt").unlink()
    (up / "100%").write_bytes(b"changed")
    said = aws.s3("sync", "--no-progress", "--delete", up, f"s3://{bucket}/tree")
    assert said.count("upload: ") == said.count("delete: ") == 1
    aws.s3("sync", "--quiet", "--delete", f"s3://{bucket}/tree", down)
    assert tree(down) == tree(up)


def test_a_bucket_is_emptied_and_removed(aws, bucket):
    for key in ("one", "two/three", "two/four five"):
        aws.s3("cp", "-", f"s3://{bucket}/{key}", input=key.encode())
    assert aws.s3("ls", f"s3://{bucket}/").split()[:2] == ["PRE", "two/"]
    assert aws.s3("rm", "--recursive", f"s3://{bucket}/two").count("delete: ") == 2
    assert aws.s3("ls", "--recursive", f"s3://{bucket}").split()[-1] == "one"
    assert aws.s3("rb", "--force", f"s3://{bucket}").endswith(f"remove_bucket: {bucket}\n")
    assert bucket not in aws.s3("ls").split()


def test_mv_leaves_one_object_under_the_new_name(aws, bucket):
    aws.s3("cp", "-", f"s3://{bucket}/old name", input=b"body")
    aws.s3("mv", "--quiet", f"s3://{bucket}/old name", f"s3://{bucket}/new+name")

    assert aws.s3("ls", "--recursive", f"s3://{bucket}").split()[-1] == "new+name"
    assert aws("s3", "cp", f"s3://{bucket}/new+name", "-") == b"body"


def test_a_presigned_url_opens_one_object_without_credentials(aws, bucket):
    aws("s3api", "put-bucket-acl", "--bucket", bucket, "--acl", "private")
    aws.s3("cp", "-", f"s3://{bucket}/a b.txt", input=b"presigned")
    url = aws.s3("presign", f"s3://{bucket}/a b.txt", "--expires-in", "60").strip()

    with urlopen(url, timeout=20) as answer:
        assert answer.read() == b"presigned"


def test_the_same_over_https_with_a_certificate_of_our_own(serve, tmp_path):
    aws = aws_cli(serve("--tls", "auto"), tmp_path)
    body = os.urandom(9 * MIB)
    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "large").write_bytes(body)
    (tmp_path / "up" / "a b").write_bytes(b"small")
    aws.s3("mb", "s3://secure")
    aws.s3("sync", "--quiet", tmp_path / "up", "s3://secure")
    aws.s3("sync", "--quiet", "s3://secure", tmp_path / "down")

    assert tree(tmp_path / "down") == tree(tmp_path / "up")


@pytest.mark.parametrize("profile", ["unixfs-v0-2015", "kubo-cidv1-256k", "unixfs-v1-2025"])
def test_under_every_profile_the_cid_is_the_one_other_implementations_give(
    serve, tmp_path, profile
):
    aws = aws_cli(serve("--import-profile", profile), tmp_path)
    aws.s3("mb", "s3://profiled")
    for size in (262_145, 10 * MIB):  # the second goes in two parts
        body, cid = vector(size, profile)
        aws.s3("cp", "--quiet", "-", f"s3://profiled/{size}", input=body)
        (tmp_path / "file").write_bytes(body)

        assert aws.cid("profiled", str(size)) == cid == s3gw_cid(tmp_path / "file", profile)
