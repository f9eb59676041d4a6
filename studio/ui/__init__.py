"""The web page: one module per tab, over the facade; nothing else in the studio knows of it."""
