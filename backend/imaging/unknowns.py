"""What a file does not say about its image: the sentences that warn of it, and what follows for who shows it. Importers
write the sentences, nobody else does, so what they say is known of every volume that is kept."""

from __future__ import annotations

from collections.abc import Sequence

NO_PLACE = "The file does not say where the image lies in the patient; the sides are not known."
NO_ORIENTATION = "The file gives no orientation: left and right, front and back are not known."
NO_SPACING = "There is no pixel spacing: 1 mm is assumed, and sizes are not physical."
NO_SIZE = "The picture has no physical size: each pixel counts as 1 mm, and sizes are not physical."


def sides_known(kind: str, warnings: Sequence[str]) -> bool:
    """Whether one may write at an edge which side of the patient it is; never of pictures (`kind` is a SourceKind)."""
    return kind != "raster" and NO_PLACE not in warnings and NO_ORIENTATION not in warnings


def sizes_known(warnings: Sequence[str]) -> bool:
    """Whether millimetres and millilitres mean something."""
    return NO_SPACING not in warnings and NO_SIZE not in warnings
