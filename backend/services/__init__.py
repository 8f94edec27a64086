"""What the application does, in the words of its users. Each service method is one unit of work that checks access,
does the thing, writes the audit trail, and commits whole or not at all."""
