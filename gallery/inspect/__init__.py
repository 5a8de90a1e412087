"""Look at a gallery: audit, compare, export."""
