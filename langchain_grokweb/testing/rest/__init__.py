"""The REST endpoints (rest.md)."""
