"""Composition root of `tvradar run`."""
