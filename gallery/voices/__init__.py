"""Voices of people of a gallery, kept on this machine alone."""
