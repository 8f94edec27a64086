"""Label sets are overlapping, as all have been, or exclusive: a voxel belongs to one label at most."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table, column in (("projects", "exclusive_labels"), ("label_sets", "exclusive")):
        op.add_column(table, sa.Column(column, sa.Boolean(), server_default=sa.false(), nullable=False))
        op.alter_column(table, column, server_default=None)


def downgrade() -> None:
    op.drop_column("label_sets", "exclusive")
    op.drop_column("projects", "exclusive_labels")
