"""Windows of projects by modality; whether a person's labels have patterns."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("projects", sa.Column("windows", postgresql.JSONB(), server_default="{}", nullable=False))
    op.alter_column("projects", "windows", server_default=None)
    op.add_column("users", sa.Column("label_patterns", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.alter_column("users", "label_patterns", server_default=None)


def downgrade() -> None:
    op.drop_column("users", "label_patterns")
    op.drop_column("projects", "windows")
