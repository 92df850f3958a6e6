"""Answers on the wire: the only place that knows Litestar."""
