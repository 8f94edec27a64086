"""Text burned into pixels: which volumes may show it, who looked, what was blanked; originals that are not kept.

Of volumes that are there already, the kind of file, the modality and the SOP class tell the risk.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0020"
branch_labels = None
depends_on = None

RISKS_OF_THERE = """
update volumes set text_risk = case
    when source ->> 'kind' = 'raster' then 'picture'
    when source ->> 'kind' <> 'dicom' then null
    when modality in ('US', 'IVUS') then 'ultrasound'
    when modality in ('ES', 'GM', 'XC', 'OP', 'SM', 'DMS') then 'camera'
    when modality in ('OT', 'SC', 'DOC', 'HC') or exists (
        select from originals where originals.volume_id = volumes.id
        and originals.instance ->> 'sop_class_uid' like '1.2.840.10008.5.1.4.1.1.7%' and
        originals.instance ->> 'sop_class_uid' not like '1.2.840.10008.5.1.4.1.1.77%'
    ) then 'secondary-capture'
end
"""


def upgrade() -> None:
    op.add_column("projects", sa.Column("keep_originals", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.alter_column("projects", "keep_originals", server_default=None)
    op.add_column("originals", sa.Column("is_kept", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.alter_column("originals", "is_kept", server_default=None)
    op.add_column("volumes", sa.Column("former_hashes", postgresql.JSONB(), server_default="[]", nullable=False))
    op.alter_column("volumes", "former_hashes", server_default=None)
    op.add_column("volumes", sa.Column("text_risk", sa.String(length=24), nullable=True))
    op.add_column("volumes", sa.Column("text_checked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("volumes", sa.Column("text_checked_by_id", sa.Uuid(), nullable=True))
    op.create_foreign_key("volumes_text_checked_by_id_fkey", "volumes", "users", ["text_checked_by_id"], ["id"])
    op.create_index(
        "volumes_blanked", "volumes", ["project_id"], postgresql_where=sa.text("former_hashes <> '[]'::jsonb")
    )
    op.create_table(
        "discarded_objects",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.execute(RISKS_OF_THERE)


def downgrade() -> None:
    op.drop_table("discarded_objects")
    op.drop_index("volumes_blanked", table_name="volumes")
    op.drop_constraint("volumes_text_checked_by_id_fkey", "volumes", type_="foreignkey")
    for column in ("text_checked_by_id", "text_checked_at", "text_risk", "former_hashes"):
        op.drop_column("volumes", column)
    op.drop_column("originals", "is_kept")
    op.drop_column("projects", "keep_originals")
