"""Tests that drive the page in Chromium; a package, so that a file may be called as one outside."""
