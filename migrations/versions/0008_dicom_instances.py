"""DICOM objects as DICOMweb shows them, and the project that a token means."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dicom_instances",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("study_uid", sa.String(64), nullable=False),
        sa.Column("series_uid", sa.String(64), nullable=False),
        sa.Column("sop_instance_uid", sa.String(64), nullable=False),
        sa.Column("sop_class_uid", sa.String(64), nullable=False),
        sa.Column("transfer_syntax_uid", sa.String(64), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("attributes", JSONB(), nullable=False),
        sa.Column("awaits_import", sa.Boolean(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("project_id", "sop_instance_uid"),
    )
    op.create_index("dicom_instances_by_series", "dicom_instances", ["project_id", "study_uid", "series_uid", "id"])
    op.create_index(
        "dicom_instances_by_attribute",
        "dicom_instances",
        ["attributes"],
        postgresql_using="gin",
        postgresql_ops={"attributes": "jsonb_path_ops"},
    )
    op.create_index(
        "dicom_instances_awaiting",
        "dicom_instances",
        ["project_id", "study_uid"],
        postgresql_where=sa.text("awaits_import"),
    )
    op.add_column("credentials", sa.Column("dicomweb_project_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "credentials_dicomweb_project_id_fkey",
        "credentials",
        "projects",
        ["dicomweb_project_id"],
        ["id"],
        ondelete="SET NULL",
    )


def downgrade() -> None:
    op.drop_column("credentials", "dicomweb_project_id")
    op.drop_table("dicom_instances")
