"""The colours that mean something, the same on the page, in pictures and in documents.

Blue is the base, orange a tuned model: a pair that colour-blind people tell apart.
"""

BASE = "#2a78b8"
TUNED = "#d9730d"
MUTED = "#8a8f98"
LANES = (TUNED, "#b3541e", "#e8a33d")
"""Tuned lanes where there are several: shades of one family, and never without a sign."""
