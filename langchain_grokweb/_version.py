"""The version, read by the build and by users; no import, so that it costs nothing."""

__version__ = "0.2.0"
