"""When a case was submitted the last time: what was said about it since is its review."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cases", sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("update cases set submitted_at = updated_at where state in ('submitted', 'accepted')")


def downgrade() -> None:
    op.drop_column("cases", "submitted_at")
