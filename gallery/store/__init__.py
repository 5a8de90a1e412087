"""Releases and segments on disk."""
