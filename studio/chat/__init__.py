"""Talking to the base and the tuned models side by side, without importing them."""
