"""The bases a studio can tune: where they lie, and the gate they pass before they are loaded."""
