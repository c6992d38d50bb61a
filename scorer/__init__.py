"""Scorer: how engaged every user and customer is, within a second of what they do."""
