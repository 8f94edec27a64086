"""The web application of sammed. Nothing in this package imports torch or the `workers` package."""
