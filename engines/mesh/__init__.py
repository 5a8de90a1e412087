"""Turned faces: a mesh of the face, and the landmarks that they are aligned by."""
