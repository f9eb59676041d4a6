"""What people call things, as names of files and folders."""

import hashlib
import json
import re
import unicodedata

LONGEST = 40  # letters of a slug, if nothing else is said


def slug(text: str, longest: int = LONGEST) -> str:
    """The text's plain letters and digits in small, with dashes between; "" if it has none."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:longest].strip("-")


def telling_slug(text: str, end: str = "") -> str:
    """A slug that ends in `end`; texts with other letters or digits, whatever their case, differ.

    Where letters are lost, those of other scripts or after the 40th, a digest stands for them.
    """
    room = LONGEST - len(end) - bool(end)
    kept = slug(text, room)
    letters = "".join(filter(str.isalnum, unicodedata.normalize("NFKD", text).lower()))
    if letters != kept.replace("-", ""):
        digest = hashlib.sha256(json.dumps(letters).encode()).hexdigest()[:6]
        kept = f"{kept[: room - 7].strip('-') or 'named'}-{digest}"
    return f"{kept}-{end}" if end else kept
