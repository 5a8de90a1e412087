"""Open-set figures: rates, thresholds and their proof on people who taught nothing."""
