"""`tvradar evaluate`: figures over labelled films."""
