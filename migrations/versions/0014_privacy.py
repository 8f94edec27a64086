"""De-identification on import: the policy of projects, and the sealed key of their pseudonyms.

Projects that are there already go on as they were: images are kept as they come.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("projects", sa.Column("privacy", sa.String(length=16), server_default="none", nullable=False))
    op.create_check_constraint("project_privacy", "projects", "privacy in ('none', 'retain-uids', 'full')")
    op.create_table(
        "pseudonyms",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("pseudonym", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("project_id", "pseudonym"),
    )


def downgrade() -> None:
    op.drop_table("pseudonyms")
    op.drop_constraint("project_privacy", "projects", type_="check")
    op.drop_column("projects", "privacy")
