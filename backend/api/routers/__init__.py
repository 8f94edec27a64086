"""Routes by subject. Each is a few lines: parse, call one service, shape the answer."""
