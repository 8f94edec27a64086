"""Groups, order and rules of labels; versions of a project's label set, and which one a revision was made with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("labels", sa.Column("group_name", sa.String(64), server_default="", nullable=False))
    op.add_column("labels", sa.Column("position", sa.SmallInteger(), server_default="0", nullable=False))
    op.add_column("labels", sa.Column("rules", postgresql.JSONB(), server_default="{}", nullable=False))
    op.execute("update labels set position = value")
    for name in ("group_name", "position", "rules"):
        op.alter_column("labels", name, server_default=None)
    op.add_column("projects", sa.Column("label_set_version", sa.Integer(), server_default="1", nullable=False))
    op.alter_column("projects", "label_set_version", server_default=None)
    op.add_column("revisions", sa.Column("label_set_version", sa.Integer(), nullable=True))
    op.create_table(
        "label_sets",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("labels", postgresql.JSONB(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"]),
        sa.PrimaryKeyConstraint("project_id", "version"),
    )
    op.execute(
        "insert into label_sets (project_id, version, labels) select p.id, 1, coalesce((select jsonb_agg("
        "jsonb_build_object('id', l.id, 'name', l.name, 'color', l.color, 'value', l.value, 'shortcut', l.shortcut, "
        "'group', l.group_name, 'rules', l.rules, 'code', case when l.code_value is null then null else "
        "jsonb_build_object('scheme', l.code_scheme, 'value', l.code_value, 'meaning', l.code_meaning) end) "
        "order by l.value) from labels l where l.project_id = p.id), '[]'::jsonb) from projects p"
    )


def downgrade() -> None:
    op.drop_table("label_sets")
    op.drop_column("revisions", "label_set_version")
    op.drop_column("projects", "label_set_version")
    for name in ("rules", "position", "group_name"):
        op.drop_column("labels", name)
