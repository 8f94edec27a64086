"""`python -m backend ...` is `sammed ...`."""

from backend.cli import main

main()
