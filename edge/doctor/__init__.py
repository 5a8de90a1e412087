"""`tvradar doctor`: what is here, what is missing, how to mend it."""
