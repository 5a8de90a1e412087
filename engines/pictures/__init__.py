"""Picture files: which formats there are, how large they may be, and one reader of them all."""
