"""Names that stand in the picture: lower thirds and credits, read once a second."""
