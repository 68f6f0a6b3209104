"""The content-security policy: nothing loads or runs but what this page carries."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256

# Control characters, lone surrogates (file names that are not text) and marks that reorder text have no business
# in a name; shown as they are, they could break the encoding or make a name read as another.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def policy(style: str, script: str, pictures: str = "data:") -> str:
    """The policy that admits just this style sheet, just this script, and pictures from ``pictures``: within the page."""
    return (
        f"default-src 'none'; img-src {pictures}; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def printable(text: str) -> str:
    """``text`` with every unprintable character replaced by the replacement character."""
    return UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode('ascii')}"
