"""The fictional company of `talkmeter demo`: its usage and its plan."""
