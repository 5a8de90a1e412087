"""Media libraries: what they know of titles and people, from their folders or their servers."""
