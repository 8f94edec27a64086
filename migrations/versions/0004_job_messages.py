"""What a job says is a code with numbers, so that pages can say it in their language."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("message_params", postgresql.JSONB(), server_default="{}", nullable=False))
    op.alter_column("jobs", "message_params", server_default=None)


def downgrade() -> None:
    op.drop_column("jobs", "message_params")
