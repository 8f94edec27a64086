"""HTTP: routers without logic, one error handler, schemas of everything on the wire."""
