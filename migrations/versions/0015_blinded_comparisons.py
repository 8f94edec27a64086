"""Blinded comparisons of two sources of masks: pairs, whom they are shown to and how, and what was said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0031"
branch_labels = None
depends_on = None

APPEND_ONLY = ("comparison_pairs", "comparison_votes")


def upgrade() -> None:
    now = sa.text("now()")
    op.create_table(
        "comparisons",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("settings", postgresql.JSONB(), nullable=False),
        sa.Column("plan", postgresql.JSONB(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("identical", sa.Integer(), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"]),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("comparisons_by_project", "comparisons", ["project_id", "id"])
    op.create_table(
        "comparison_readers",
        sa.Column("comparison_id", sa.Uuid(), nullable=False),
        sa.Column("reader_id", sa.Uuid(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["comparison_id"], ["comparisons.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["reader_id"], ["users.id"]),
        sa.PrimaryKeyConstraint("comparison_id", "reader_id"),
    )
    op.create_table(
        "comparison_pairs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("comparison_id", sa.Uuid(), nullable=False),
        sa.Column("annotation_id", sa.Uuid(), nullable=False),
        sa.Column("slice_index", sa.Integer(), nullable=False),
        sa.Column("first_counts", sa.Text(), nullable=False),
        sa.Column("second_counts", sa.Text(), nullable=False),
        sa.Column("first_from", postgresql.JSONB(), nullable=False),
        sa.Column("second_from", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["comparison_id"], ["comparisons.id"]),
        sa.ForeignKeyConstraint(["annotation_id"], ["annotations.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("comparison_id", "annotation_id", "slice_index"),
    )
    op.create_table(
        "comparison_turns",
        sa.Column("pair_id", sa.Uuid(), nullable=False),
        sa.Column("reader_id", sa.Uuid(), nullable=False),
        sa.Column("comparison_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("first_is_left", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["pair_id"], ["comparison_pairs.id"]),
        sa.ForeignKeyConstraint(["reader_id"], ["users.id"]),
        sa.ForeignKeyConstraint(["comparison_id"], ["comparisons.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pair_id", "reader_id"),
        sa.UniqueConstraint("comparison_id", "reader_id", "position"),
    )
    op.create_table(
        "comparison_votes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pair_id", sa.Uuid(), nullable=False),
        sa.Column("reader_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("choice", sa.String(length=8), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.ForeignKeyConstraint(["pair_id"], ["comparison_pairs.id"]),
        sa.ForeignKeyConstraint(["reader_id"], ["users.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("pair_id", "reader_id", "number"),
        sa.CheckConstraint("choice in ('left', 'right', 'none')", name="comparison_choice"),
    )
    for table in APPEND_ONLY:
        op.execute(f"""
            create trigger {table}_append_only before update or delete or truncate on {table}
            for each statement execute function refuse_change_of_history()
        """)


def downgrade() -> None:
    for table in ("comparison_votes", "comparison_turns", "comparison_pairs", "comparison_readers", "comparisons"):
        op.drop_table(table)
