"""`tvradar …`: one file per noun of the command line."""
