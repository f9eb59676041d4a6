"""The verbs of `Studio`, each module building on the one before."""
