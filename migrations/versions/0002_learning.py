"""Learned prompts, proposals, and jobs of which only a subject's newest is wanted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("auto_learn", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.alter_column("users", "auto_learn", server_default=None)
    op.add_column("jobs", sa.Column("subject", sa.String(length=120), nullable=True))
    op.create_index("jobs_by_subject", "jobs", ["subject", "kind", "id"])
    op.create_table(
        "learned_prompts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("volume_id", sa.Uuid(), nullable=True),
        sa.Column("label_id", sa.Uuid(), nullable=False),
        sa.Column("annotator_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("model", sa.String(length=120), nullable=False),
        sa.Column("model_checksum", sa.String(length=64), nullable=False),
        sa.Column("checksum", sa.String(length=64), nullable=False),
        sa.Column("tensors", sa.LargeBinary(), nullable=False),
        sa.Column("provenance", postgresql.JSONB(), nullable=False),
        sa.Column("verdict", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"]),
        sa.ForeignKeyConstraint(["volume_id"], ["volumes.id"]),
        sa.ForeignKeyConstraint(["label_id"], ["labels.id"]),
        sa.ForeignKeyConstraint(["annotator_id"], ["users.id"]),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("job_id"),
    )
    op.create_index("learned_prompts_by_label", "learned_prompts", ["label_id", "annotator_id", "volume_id"])
    op.create_index("learned_prompts_by_project", "learned_prompts", ["project_id", "id"])
    op.execute("""
        create trigger learned_prompts_append_only before update or delete or truncate on learned_prompts
        for each statement execute function refuse_change_of_history()
    """)
    op.add_column("labels", sa.Column("warm_start_id", sa.Uuid(), nullable=True))
    op.create_foreign_key("labels_warm_start_id_fkey", "labels", "learned_prompts", ["warm_start_id"], ["id"])
    op.create_table(
        "active_prompts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("volume_id", sa.Uuid(), nullable=True),
        sa.Column("label_id", sa.Uuid(), nullable=False),
        sa.Column("annotator_id", sa.Uuid(), nullable=False),
        sa.Column("learned_prompt_id", sa.Uuid(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["volume_id"], ["volumes.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["label_id"], ["labels.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["annotator_id"], ["users.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["learned_prompt_id"], ["learned_prompts.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("label_id", "annotator_id", "volume_id", postgresql_nulls_not_distinct=True),
    )
    op.create_table(
        "proposals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("volume_id", sa.Uuid(), nullable=False),
        sa.Column("label_id", sa.Uuid(), nullable=False),
        sa.Column("annotator_id", sa.Uuid(), nullable=False),
        sa.Column("slice_index", sa.Integer(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("voxels", sa.Integer(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("prompts", postgresql.JSONB(), nullable=True),
        sa.Column("generator", sa.String(length=16), nullable=False),
        sa.Column("learned_prompt_id", sa.Uuid(), nullable=True),
        sa.Column("model", sa.String(length=120), nullable=False),
        sa.Column("model_checksum", sa.String(length=64), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("revision_id", sa.Uuid(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state in ('open', 'accepted', 'corrected', 'rejected', 'absent')", name="proposal_state"),
        sa.CheckConstraint("confidence between 0 and 1", name="proposal_confidence"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"]),
        sa.ForeignKeyConstraint(["volume_id"], ["volumes.id"]),
        sa.ForeignKeyConstraint(["label_id"], ["labels.id"]),
        sa.ForeignKeyConstraint(["annotator_id"], ["users.id"]),
        sa.ForeignKeyConstraint(["learned_prompt_id"], ["learned_prompts.id"]),
        sa.ForeignKeyConstraint(["revision_id"], ["revisions.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("proposals_by_volume", "proposals", ["volume_id", "label_id", "annotator_id", "id"])
    op.create_index(
        "one_open_proposal_a_slice",
        "proposals",
        ["volume_id", "label_id", "annotator_id", "slice_index"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )


def downgrade() -> None:
    op.drop_table("proposals")
    op.drop_table("active_prompts")
    op.drop_constraint("labels_warm_start_id_fkey", "labels")
    op.drop_column("labels", "warm_start_id")
    op.drop_table("learned_prompts")
    op.drop_index("jobs_by_subject", table_name="jobs")
    op.drop_column("jobs", "subject")
    op.drop_column("users", "auto_learn")
