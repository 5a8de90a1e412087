"""Pictures for calibration and for the gate: faces through the real detector, composed frames."""
