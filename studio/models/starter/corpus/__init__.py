"""The text the starter model learns from: generated, seeded, and written for it alone."""
