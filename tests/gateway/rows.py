"""A request for each row of the API, as AWS's clients would send it."""

from gateway.operation import Operation

FORM = (
    b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nkey\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\ndata\r\n--x--\r\n'
)
FORM_TYPE = "multipart/form-data; boundary=x"
VALUES = {
    "x-amz-copy-source": "BUCKET/key",
    "x-amz-rename-source": "other",
    "x-amz-object-attributes": "ETag",
    "partNumber": "1",
}


def said(row: Operation, bucket: str) -> tuple[str, str, dict[str, str], bytes]:
    """Method, target, header fields and body of a request that is this row."""
    path = f"/{bucket}" if row.level == "bucket" else f"/{bucket}/key"
    query = [f"{name}={value or VALUES.get(name, '')}" for name, value in row.query.items()]
    headers = {name: VALUES[name].replace("BUCKET", bucket) for name in row.headers}
    if not row.form:
        return row.method, f"{path}?{'&'.join(query)}", headers, b""
    return row.method, path, {"content-type": FORM_TYPE}, FORM
