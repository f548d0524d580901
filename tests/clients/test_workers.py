"""Two workers on one directory answer as one server."""

import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

ROUNDS = 40


@pytest.fixture(scope="module")
def signed(serve):
    """Sends one request on a connection of its own: the kernel picks the worker."""
    pair = serve("--workers", "2")
    s3 = pair.boto3(pair.owner, signature_version="s3v4")
    s3.create_bucket(Bucket="shared")

    def send(operation, key, body=None, **headers):
        params = {"Bucket": "shared", "Key": key}
        url = s3.generate_presigned_url(operation, Params=params)
        method = {"put_object": "PUT", "delete_object": "DELETE"}.get(operation, "GET")
        request = urllib.request.Request(url, data=body, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    return send


def test_what_one_worker_acknowledged_the_other_serves_at_once(signed):
    for number in range(ROUNDS):
        body = b"%d" % number
        assert signed("put_object", "key", body)[0] == 200
        assert [signed("get_object", "key") for _ in range(4)] == [(200, body)] * 4
    assert signed("delete_object", "key")[0] == 204
    assert {signed("get_object", "key")[0] for _ in range(4)} == {404}


def test_racing_writers_on_two_workers_have_one_winner(signed):
    with ThreadPoolExecutor(16) as pool:
        for number in range(4):
            answers = pool.map(
                lambda writer, key=f"raced-{number}": signed(
                    "put_object", key, b"%d" % writer, **{"If-None-Match": "*"}
                )[0],
                range(32),
            )
            assert Counter(answers) == {200: 1, 412: 31}
