"""What browsers may do with an object that could run code: show it, alone, and nothing else. Pure.

Everybody's objects have one origin, so a script in one of them could read what its reader may read
of all others. Images, films and downloads are left alone: with ``nosniff`` no browser runs them.
Websites have hosts of their own and are left alone too.
"""

import re
from functools import lru_cache

from gateway.response import Response

FIELDS = [
    # Styles may be inline: an SVG that is shown as an image keeps its colours.
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox"),
    ("referrer-policy", "no-referrer"),
]
"""https://www.w3.org/TR/CSP3/#directive-sandbox https://www.w3.org/TR/referrer-policy/"""
_ACTIVE = re.compile(r"html|xml|svg|xsl|multipart|mhtml", re.IGNORECASE)


def sandboxed(response: Response) -> Response:
    """``response`` is what a read tells of an object."""
    kind = next((value for name, value in response.headers if name == "Content-Type"), "")
    return response.extended(FIELDS) if is_active(kind) else response


@lru_cache(maxsize=512)
def is_active(content_type: str) -> bool:
    """A browser that is sent to it may run what it holds.

    Looks for the words anywhere: of several types in one field, browsers take the last one.
    """
    return _ACTIVE.search(content_type) is not None
