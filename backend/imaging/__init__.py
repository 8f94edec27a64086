"""Images as values: geometry, voxels, and the borders where files become volumes. Pure: knows no user, database or web."""
