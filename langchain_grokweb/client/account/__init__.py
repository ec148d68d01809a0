"""Beside the answers: what an account has at the service, and may use there."""
