"""What makes a document no policy; the gateway answers it as MalformedPolicy."""


class Malformed(ValueError):
    """The text is AWS's message."""
