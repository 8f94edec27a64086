"""Blind readings, gold cases, whose masks are a case's result, comments that one reader sees, agreement of readers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("is_blind", "is_gold"):
        op.add_column("cases", sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False))
        op.alter_column("cases", name, server_default=None)
    op.add_column("cases", sa.Column("result_by_id", sa.Uuid(), nullable=True))
    op.create_foreign_key("cases_result_by_id_fkey", "cases", "users", ["result_by_id"], ["id"])
    op.add_column("comments", sa.Column("reader_id", sa.Uuid(), nullable=True))
    op.create_foreign_key("comments_reader_id_fkey", "comments", "users", ["reader_id"], ["id"])
    op.create_table(
        "readings",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("reader_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state in ('assigned', 'in_progress', 'submitted', 'returned')", name="reading_state"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["reader_id"], ["users.id"]),
        sa.PrimaryKeyConstraint("case_id", "reader_id"),
    )
    op.create_index("readings_by_reader", "readings", ["reader_id", "state"])
    op.create_table(
        "agreements",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("volume_id", sa.Uuid(), nullable=False),
        sa.Column("label_id", sa.Uuid(), nullable=False),
        sa.Column("first_id", sa.Uuid(), nullable=False),
        sa.Column("second_id", sa.Uuid(), nullable=False),
        sa.Column("tolerance_mm", sa.Float(), nullable=False),
        sa.Column("first_revision_id", sa.Uuid(), nullable=True),
        sa.Column("second_revision_id", sa.Uuid(), nullable=True),
        sa.Column("dice", sa.Float(), nullable=False),
        sa.Column("surface_dice", sa.Float(), nullable=False),
        sa.Column("hd95_mm", sa.Float(), nullable=True),
        sa.Column("first_ml", sa.Float(), nullable=False),
        sa.Column("second_ml", sa.Float(), nullable=False),
        sa.Column("worst_slice", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("first_id < second_id", name="agreement_pair"),
        sa.ForeignKeyConstraint(["volume_id"], ["volumes.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["label_id"], ["labels.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["first_id"], ["users.id"]),
        sa.ForeignKeyConstraint(["second_id"], ["users.id"]),
        sa.ForeignKeyConstraint(["first_revision_id"], ["revisions.id"]),
        sa.ForeignKeyConstraint(["second_revision_id"], ["revisions.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("volume_id", "label_id", "first_id", "second_id", "tolerance_mm"),
    )


def downgrade() -> None:
    op.drop_table("agreements")
    op.drop_table("readings")
    op.drop_constraint("comments_reader_id_fkey", "comments")
    op.drop_column("comments", "reader_id")
    op.drop_constraint("cases_result_by_id_fkey", "cases")
    for name in ("result_by_id", "is_gold", "is_blind"):
        op.drop_column("cases", name)
