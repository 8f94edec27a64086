"""Keys of commands that a person changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("keys", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False))
    op.alter_column("users", "keys", server_default=None)


def downgrade() -> None:
    op.drop_column("users", "keys")
