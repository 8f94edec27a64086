"""Identities of people at an OpenID Connect provider, and which sessions began with one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "identities",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("issuer", "subject", name="identity_once"),
        sa.UniqueConstraint("user_id", "issuer", name="identity_of_user"),
    )
    op.add_column("credentials", sa.Column("identity_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "credentials_identity_id_fkey", "credentials", "identities", ["identity_id"], ["id"], ondelete="CASCADE"
    )


def downgrade() -> None:
    op.drop_constraint("credentials_identity_id_fkey", "credentials", type_="foreignkey")
    op.drop_column("credentials", "identity_id")
    op.drop_table("identities")
