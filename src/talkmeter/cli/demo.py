"""`talkmeter demo`: a service with a year of made-up usage in a file of its own."""

import click


@click.command()
def demo() -> None:
    """Serve a year of made-up usage."""
