"""The vocabulary of the application as plain values: no database, no web, no queue."""
