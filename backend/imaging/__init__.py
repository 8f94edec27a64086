"""Images as values: geometry, voxels, and the borders where files become volumes. Knows no user, database or web."""
