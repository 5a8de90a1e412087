"""`python -m edge`: the command `tvradar`, where no script is on the path."""

from edge.cli.main import main

main()
