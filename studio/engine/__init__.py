"""The only folder that imports torch; everything here runs in a process of its own."""
