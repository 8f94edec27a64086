"""The command `sammed`. Each file has the commands about one subject; `entry.py` puts them together, `base.py` and
`asking.py` have what they share. What they ask a server goes over HTTP (`backend/client`)."""

from backend.cli.entry import HANDED_OVER, app, main

__all__ = ["HANDED_OVER", "app", "main"]
