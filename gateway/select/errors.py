"""What is wrong with a query or its input, by S3's code; both processes raise it."""


class BadQuery(Exception):
    """``code``: as in https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    (SELECT Object Content Error Codes)."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        self.text = text
        super().__init__(text)
