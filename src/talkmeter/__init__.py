"""Talkmeter: exact, instant usage metering for voice and chat AI agents."""

from importlib.metadata import version

__version__ = version("talkmeter")
