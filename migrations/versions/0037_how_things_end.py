"""Blinded comparisons are closed and deleted, and a sign-in service ends the sessions that it began."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("closed_at", "deleted_at"):
        op.add_column("comparisons", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("credentials", sa.Column("provider_session", sa.String(length=255), nullable=True))
    op.add_column("credentials", sa.Column("id_token", sa.Text(), nullable=True))
    op.create_index("credentials_by_provider_session", "credentials", ["provider_session"])


def downgrade() -> None:
    op.drop_index("credentials_by_provider_session", "credentials")
    for name in ("id_token", "provider_session"):
        op.drop_column("credentials", name)
    for name in ("deleted_at", "closed_at"):
        op.drop_column("comparisons", name)
