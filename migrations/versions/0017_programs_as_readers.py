"""Programs as readers: authors of masks that never sign in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("kind", sa.String(length=16), server_default="person", nullable=False))
    op.create_check_constraint("user_kind", "users", "kind in ('person', 'program')")


def downgrade() -> None:
    op.drop_constraint("user_kind", "users", type_="check")
    op.drop_column("users", "kind")
