"""From rows to a frozen dataset: templates, the sandbox they are rendered in, readers, checks."""
