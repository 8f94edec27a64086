"""`python -m workers`: see cli.py."""

from workers.cli import main

main()
