"""What a score means: impostor model, threshold, probability."""
