"""What a token may do, due dates, cases that only their assignee sees, leases, and indexes for long lists."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("credentials", sa.Column("scope", sa.String(length=16), server_default="all", nullable=False))
    op.alter_column("credentials", "scope", server_default=None)
    op.create_check_constraint("credential_scope", "credentials", "scope in ('all', 'read')")
    op.add_column("projects", sa.Column("own_cases_only", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.alter_column("projects", "own_cases_only", server_default=None)
    op.add_column("cases", sa.Column("due_on", sa.Date(), nullable=True))
    op.create_index(
        "cases_by_urgency",
        "cases",
        ["project_id", sa.text("(- priority)"), sa.text("coalesce(due_on, 'infinity'::date)"), "id"],
    )
    op.create_index("cases_by_birth", "cases", ["project_id", "id"])
    op.create_index("audit_by_id", "audit_events", ["project_id", "id"])
    op.create_table(
        "leases",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("holder_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["holder_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("case_id"),
    )


def downgrade() -> None:
    op.drop_table("leases")
    op.drop_index("audit_by_id", table_name="audit_events")
    op.drop_index("cases_by_birth", table_name="cases")
    op.drop_index("cases_by_urgency", table_name="cases")
    op.drop_column("cases", "due_on")
    op.drop_column("projects", "own_cases_only")
    op.drop_constraint("credential_scope", "credentials")
    op.drop_column("credentials", "scope")
