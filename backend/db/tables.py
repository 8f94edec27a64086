"""All tables. Rows are records of what happened or of what is; rules about them live in the services.

Times are UTC. Identifiers are UUIDv7. `revisions`, `revision_slices`, `learned_prompts`, `audit_events`,
`comparison_pairs` and `comparison_votes` are append-only: services only insert, an ORM listener refuses anything else,
and so does a trigger in the database (migrations).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from backend.domain.ids import new_id


class Base(DeclarativeBase):
    type_annotation_map: ClassVar = {datetime: DateTime(timezone=True), dict[str, Any]: JSONB, list[Any]: JSONB}


def _id() -> Mapped[UUID]:
    return mapped_column(primary_key=True, default=new_id)


def _now() -> Mapped[datetime]:
    return mapped_column(server_default=func.now())


# -- people -----------------------------------------------------------------------------------------------------------
class User(Base):
    __tablename__ = "users"

    id: Mapped[UUID] = _id()
    email: Mapped[str] = mapped_column(String(254), unique=True)  # stored in lower case
    name: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(16), server_default="person")  # program: services.programs
    password_hash: Mapped[str | None] = mapped_column(Text)  # argon2id; None until the first password is set
    is_admin: Mapped[bool] = mapped_column(Boolean, default=False)
    auto_learn: Mapped[bool] = mapped_column(Boolean, default=True)  # learn from annotated slices without being asked
    keys: Mapped[dict[str, Any]] = mapped_column(default=dict)  # command -> its keys, where they are not the usual ones
    label_patterns: Mapped[bool] = mapped_column(Boolean, default=False)  # labels are told apart by patterns, too
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = _now()

    __table_args__ = (CheckConstraint("kind in ('person', 'program')", name="user_kind"),)


class Identity(Base):
    """Who somebody is at an OpenID Connect provider: what they are known by from their first sign-in on."""

    __tablename__ = "identities"

    id: Mapped[UUID] = _id()
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    issuer: Mapped[str] = mapped_column(String(500))
    subject: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = _now()

    __table_args__ = (
        UniqueConstraint("issuer", "subject", name="identity_once"),
        UniqueConstraint("user_id", "issuer", name="identity_of_user"),
    )


class Credential(Base):
    """A secret that stands for a user, stored as sha256: a browser session, a personal token or a one-time login."""

    __tablename__ = "credentials"

    id: Mapped[UUID] = _id()
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(16))  # session | token | one_time
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(120), default="")  # of a token, or the browser of a session
    scope: Mapped[str] = mapped_column(String(16), default="all")  # all | read
    dicomweb_project_id: Mapped[UUID | None] = mapped_column(ForeignKey("projects.id", ondelete="SET NULL"))
    identity_id: Mapped[UUID | None] = mapped_column(ForeignKey("identities.id", ondelete="CASCADE"))  # a session's
    provider_session: Mapped[str | None] = mapped_column(String(255))  # as the sign-in service calls it
    id_token: Mapped[str | None] = mapped_column(Text)  # that began a session; shown to the service to end its own
    created_at: Mapped[datetime] = _now()
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("kind in ('session', 'token', 'one_time')", name="credential_kind"),
        CheckConstraint("scope in ('all', 'read')", name="credential_scope"),
        Index("credentials_by_provider_session", "provider_session"),
    )


# -- projects ---------------------------------------------------------------------------------------------------------
class Project(Base):
    __tablename__ = "projects"

    id: Mapped[UUID] = _id()
    name: Mapped[str] = mapped_column(String(120))
    description: Mapped[str] = mapped_column(Text, default="")
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = _now()
    archived_at: Mapped[datetime | None]
    own_cases_only: Mapped[bool] = mapped_column(Boolean, default=False)  # annotators see what is assigned to them
    privacy: Mapped[str] = mapped_column(String(16), server_default="none")  # domain.privacy.Privacy
    windows: Mapped[dict[str, Any]] = mapped_column(default=dict)  # modality -> domain.windows.ModalityWindows
    keep_originals: Mapped[bool] = mapped_column(Boolean, default=True)  # else only voxels are kept of what comes

    label_set_version: Mapped[int] = mapped_column(Integer, default=1)  # the newest of label_sets
    exclusive_labels: Mapped[bool] = mapped_column(Boolean, default=False)  # a voxel belongs to one label at most

    labels: Mapped[list[LabelRow]] = relationship(order_by="LabelRow.position, LabelRow.value", viewonly=True)

    __table_args__ = (CheckConstraint("privacy in ('none', 'retain-uids', 'full')", name="project_privacy"),)


class Pseudonym(Base):
    """Whom a pseudonym of a project stands for, sealed with a key that is not in the database (services.privacy)."""

    __tablename__ = "pseudonyms"

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    pseudonym: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))  # patient | study | file
    key_id: Mapped[str] = mapped_column(String(16))  # tells keys apart, and nothing of them
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = _now()


class Member(Base):
    __tablename__ = "members"

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = _now()


class LabelRow(Base):
    __tablename__ = "labels"

    id: Mapped[UUID] = _id()
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(64))
    color: Mapped[str] = mapped_column(String(7))
    value: Mapped[int] = mapped_column(SmallInteger)
    code_scheme: Mapped[str | None] = mapped_column(String(16))
    code_value: Mapped[str | None] = mapped_column(String(64))
    code_meaning: Mapped[str | None] = mapped_column(String(64))
    shortcut: Mapped[str | None] = mapped_column(String(1))
    group_name: Mapped[str] = mapped_column(String(64), default="")
    position: Mapped[int] = mapped_column(SmallInteger, default=0)  # among the project's labels
    rules: Mapped[dict[str, Any]] = mapped_column(default=dict)  # domain.label_rules.LabelRules, what is not default
    warm_start_id: Mapped[UUID | None] = mapped_column(  # where the label's next cases start from
        ForeignKey("learned_prompts.id", use_alter=True, name="labels_warm_start_id_fkey")
    )
    created_at: Mapped[datetime] = _now()

    __table_args__ = (
        UniqueConstraint("project_id", "name"),
        UniqueConstraint("project_id", "value"),
        UniqueConstraint("project_id", "shortcut"),
        CheckConstraint("value between 1 and 255", name="label_value"),
    )


class LabelSet(Base):
    """The labels of a project as they were from a time on: every change of a label makes a version."""

    __tablename__ = "label_sets"

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    labels: Mapped[list[Any]]
    exclusive: Mapped[bool] = mapped_column(Boolean, default=False)
    author_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = _now()


# -- images -----------------------------------------------------------------------------------------------------------
class Case(Base):
    """A study in a project: what is assigned and reviewed. `study_key` is the Study Instance UID or a file's hash."""

    __tablename__ = "cases"

    id: Mapped[UUID] = _id()
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    study_key: Mapped[str] = mapped_column(String(128))
    name: Mapped[str] = mapped_column(String(200))
    study: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(String(16), default="new")
    priority: Mapped[int] = mapped_column(SmallInteger, default=0)  # more is sooner
    due_on: Mapped[date | None]
    assignee_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    is_blind: Mapped[bool] = mapped_column(Boolean, default=False)  # several read it (Reading); it has no assignee
    is_gold: Mapped[bool] = mapped_column(Boolean, default=False)  # its result is what readers are tested against
    result_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))  # whose masks were accepted
    submitted_at: Mapped[datetime | None]  # the last time
    created_at: Mapped[datetime] = _now()
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    volumes: Mapped[list[VolumeRow]] = relationship(order_by="VolumeRow.created_at, VolumeRow.id", viewonly=True)

    __table_args__ = (
        UniqueConstraint("project_id", "study_key"),
        Index("cases_by_birth", "project_id", "id"),
        Index("cases_by_state", "project_id", "state", "id"),
        Index("cases_by_assignee", "assignee_id", "state"),
    )


NO_DUE_DATE = text("'infinity'::date")
URGENCY = (-Case.priority, func.coalesce(Case.due_on, NO_DUE_DATE), Case.id)
"""The order of a queue: high priority first, then what is due sooner, then what came first."""

Index("cases_by_urgency", Case.project_id, *URGENCY)


class Lease(Base):
    """Who has a case open right now, renewed by their page. Says that somebody is there; forbids nothing."""

    __tablename__ = "leases"

    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True)
    holder_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    expires_at: Mapped[datetime]


class Reading(Base):
    """One person's blind reading of a case (domain.reading). `is_test`: hidden, against the masks of a gold case."""

    __tablename__ = "readings"

    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True)
    reader_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    state: Mapped[str] = mapped_column(String(16), default="assigned")
    is_test: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime] = _now()
    submitted_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("state in ('assigned', 'in_progress', 'submitted', 'returned')", name="reading_state"),
        Index("readings_by_reader", "reader_id", "state"),
    )


class VolumeRow(Base):
    """One voxel grid of a case. Its voxels lie in the object store under `voxels_hash`, once for all rows."""

    __tablename__ = "volumes"

    id: Mapped[UUID] = _id()
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), index=True)
    content_hash: Mapped[str] = mapped_column(String(64))  # voxels, geometry, modality
    former_hashes: Mapped[list[Any]] = mapped_column(default=list)  # content_hash before parts of it were blanked
    voxels_hash: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    modality: Mapped[str] = mapped_column(String(16))
    dtype: Mapped[str] = mapped_column(String(16))
    channels: Mapped[int] = mapped_column(SmallInteger)
    slices: Mapped[int] = mapped_column(Integer)
    rows: Mapped[int] = mapped_column(Integer)
    columns: Mapped[int] = mapped_column(Integer)
    geometry: Mapped[dict[str, Any]]
    presentation: Mapped[dict[str, Any]]  # value range, windows, the model's window
    series: Mapped[dict[str, Any]] = mapped_column(default=dict)
    source: Mapped[dict[str, Any]] = mapped_column(default=dict)  # kind, and what export needs of the original grid
    warnings: Mapped[list[Any]] = mapped_column(default=list)
    text_risk: Mapped[str | None] = mapped_column(String(24))  # why its pixels may show text (imaging.dicom.text_risk)
    text_checked_at: Mapped[datetime | None]  # when somebody saw that they show none
    text_checked_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = _now()

    __table_args__ = (
        UniqueConstraint("project_id", "content_hash"),
        Index("volumes_blanked", "project_id", postgresql_where=text("former_hashes <> '[]'")),
    )

    @property
    def warns_of_text(self) -> str | None:
        """The text_risk that nobody has looked into yet."""
        return None if self.text_checked_at else self.text_risk


class Original(Base):
    """One file that a volume was read from, as the project's policy lets it be kept; `is_kept`: if it is at all.

    `instance` holds the DICOM identity where there is one."""

    __tablename__ = "originals"

    id: Mapped[UUID] = _id()
    volume_id: Mapped[UUID] = mapped_column(ForeignKey("volumes.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(Integer)  # order of the files within the volume
    sha256: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(Text)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    instance: Mapped[dict[str, Any]] = mapped_column(default=dict)
    is_kept: Mapped[bool] = mapped_column(Boolean, default=True)

    __table_args__ = (UniqueConstraint("volume_id", "position"),)


class Intake(Base):
    """Files that come in many requests and are read together by one import, whose job has this id. `key`: what the
    sender calls them, as a digest. `closed_at`: all have come."""

    __tablename__ = "intakes"

    id: Mapped[UUID] = _id()
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(64))
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = _now()
    touched_at: Mapped[datetime] = _now()
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        Index("intakes_open", "project_id", "key", unique=True, postgresql_where=text("closed_at IS NULL")),
    )


class IntakeFile(Base):
    """One file of an intake. `digest`: of its bytes as they were sent, which tells what need not be sent again;
    `name`: what the import's result calls it."""

    __tablename__ = "intake_files"

    intake_id: Mapped[UUID] = mapped_column(ForeignKey("intakes.id", ondelete="CASCADE"), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    object_key: Mapped[str] = mapped_column(Text)
    size_bytes: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("intake_files_by_digest", "digest"),)


class DicomInstance(Base):
    """A DICOM object of a project as DICOMweb shows it; its file lies in the object store under `originals/<sha256>`.
    `awaits_import`: it was received, and no import has looked at it yet."""

    __tablename__ = "dicom_instances"

    id: Mapped[UUID] = _id()
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    study_uid: Mapped[str] = mapped_column(String(64))
    series_uid: Mapped[str] = mapped_column(String(64))
    sop_instance_uid: Mapped[str] = mapped_column(String(64))
    sop_class_uid: Mapped[str] = mapped_column(String(64))
    transfer_syntax_uid: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    attributes: Mapped[dict[str, Any]]  # DICOM JSON model, what can be searched for
    awaits_import: Mapped[bool] = mapped_column(Boolean)
    received_at: Mapped[datetime] = _now()

    __table_args__ = (
        UniqueConstraint("project_id", "sop_instance_uid"),
        Index("dicom_instances_by_series", "project_id", "study_uid", "series_uid", "id"),
        Index(
            "dicom_instances_by_attribute",
            "attributes",
            postgresql_using="gin",
            postgresql_ops={"attributes": "jsonb_path_ops"},
        ),
        Index("dicom_instances_awaiting", "project_id", "study_uid", postgresql_where=text("awaits_import")),
    )


class DiscardedObject(Base):
    """An object that nobody wants any more, written with what made it so; services.content deletes it."""

    __tablename__ = "discarded_objects"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    created_at: Mapped[datetime] = _now()


# -- annotations ------------------------------------------------------------------------------------------------------
class Annotation(Base):
    __tablename__ = "annotations"

    id: Mapped[UUID] = _id()
    volume_id: Mapped[UUID] = mapped_column(ForeignKey("volumes.id"))
    label_id: Mapped[UUID] = mapped_column(ForeignKey("labels.id"), index=True)
    annotator_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = _now()

    __table_args__ = (UniqueConstraint("volume_id", "label_id", "annotator_id"),)


class Revision(Base):
    """One accepted change. Two writers cannot both win: (annotation, sequence) is unique."""

    __tablename__ = "revisions"

    id: Mapped[UUID] = mapped_column(primary_key=True)  # made by the client, so that a retry is a no-op
    annotation_id: Mapped[UUID] = mapped_column(ForeignKey("annotations.id"))
    sequence: Mapped[int] = mapped_column(Integer)
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("revisions.id"))
    origin: Mapped[str] = mapped_column(String(16))
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    prompts: Mapped[dict[str, Any] | None]
    model: Mapped[dict[str, Any] | None]
    reverts_id: Mapped[UUID | None] = mapped_column(ForeignKey("revisions.id"))
    telemetry: Mapped[dict[str, Any]] = mapped_column(default=dict)
    label_set_version: Mapped[int | None] = mapped_column(Integer)  # None: made before label sets had versions
    created_at: Mapped[datetime] = _now()

    slices: Mapped[list[RevisionSlice]] = relationship(order_by="RevisionSlice.slice_index", viewonly=True)

    __table_args__ = (UniqueConstraint("annotation_id", "sequence"),)


class RevisionSlice(Base):
    """The voxels of one slice that a revision flips, COCO compressed RLE counts for [rows, columns] of the volume."""

    __tablename__ = "revision_slices"

    revision_id: Mapped[UUID] = mapped_column(ForeignKey("revisions.id"), primary_key=True)
    slice_index: Mapped[int] = mapped_column(Integer, primary_key=True)
    counts: Mapped[str] = mapped_column(Text)
    flipped_voxels: Mapped[int] = mapped_column(Integer)


class CurrentMask(Base):
    """The mask of a slice after all revisions: a cache of history, written in the same transaction, never the truth."""

    __tablename__ = "current_masks"

    annotation_id: Mapped[UUID] = mapped_column(ForeignKey("annotations.id", ondelete="CASCADE"), primary_key=True)
    slice_index: Mapped[int] = mapped_column(Integer, primary_key=True)
    counts: Mapped[str] = mapped_column(Text)
    voxels: Mapped[int] = mapped_column(Integer)


class AnnotationWork(Base):
    """What an annotation took one person one way (origin and model): a cache of history for statistics. Project, case
    and label are the annotation's, written again so that a project's rows are summed without joins."""

    __tablename__ = "annotation_work"

    annotation_id: Mapped[UUID] = mapped_column(ForeignKey("annotations.id", ondelete="CASCADE"), primary_key=True)
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    origin: Mapped[str] = mapped_column(String(16), primary_key=True)
    model: Mapped[str] = mapped_column(Text, primary_key=True)  # empty: none
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"))
    label_id: Mapped[UUID] = mapped_column(ForeignKey("labels.id", ondelete="CASCADE"))
    revisions: Mapped[int] = mapped_column(Integer)
    slices: Mapped[int] = mapped_column(Integer)  # of which this was the newest change
    seconds: Mapped[float] = mapped_column(Float)
    clicks: Mapped[int] = mapped_column(Integer)
    boxes: Mapped[int] = mapped_column(Integer)
    strokes: Mapped[int] = mapped_column(Integer)
    undos: Mapped[int] = mapped_column(Integer)
    slices_by_model: Mapped[int] = mapped_column(Integer)  # that a model drew
    edits_after_model: Mapped[int] = mapped_column(Integer)  # of these, changed by hand afterwards
    voxels_by_model: Mapped[int] = mapped_column(BigInteger)
    voxels_changed: Mapped[int] = mapped_column(BigInteger)  # flipped by hand on these slices afterwards


class CountedAnnotation(Base):
    """An annotation whose AnnotationWork tells of its newest revision: appending takes the row away."""

    __tablename__ = "counted_annotations"

    annotation_id: Mapped[UUID] = mapped_column(ForeignKey("annotations.id", ondelete="CASCADE"), primary_key=True)


class AnnotationEffort(Base):
    """How directly an annotation came about, as it was when its case was submitted last: sums over the slices that had
    a mask (services.effort)."""

    __tablename__ = "annotation_efforts"

    annotation_id: Mapped[UUID] = mapped_column(ForeignKey("annotations.id", ondelete="CASCADE"), primary_key=True)
    slices: Mapped[int] = mapped_column(Integer)
    seconds: Mapped[float] = mapped_column(Float)
    actions: Mapped[int] = mapped_column(Integer)
    actions_until_nearly: Mapped[int] = mapped_column(Integer)
    measured_at: Mapped[datetime] = _now()


class Agreement(Base):
    """How far two people's masks of a label on a volume agree: a cache, computed from the revisions named. The person
    with the lower id comes first."""

    __tablename__ = "agreements"

    id: Mapped[UUID] = _id()
    volume_id: Mapped[UUID] = mapped_column(ForeignKey("volumes.id", ondelete="CASCADE"))
    label_id: Mapped[UUID] = mapped_column(ForeignKey("labels.id", ondelete="CASCADE"))
    first_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    second_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    tolerance_mm: Mapped[float] = mapped_column(Float)
    first_revision_id: Mapped[UUID | None] = mapped_column(ForeignKey("revisions.id"))
    second_revision_id: Mapped[UUID | None] = mapped_column(ForeignKey("revisions.id"))
    dice: Mapped[float] = mapped_column(Float)
    surface_dice: Mapped[float] = mapped_column(Float)
    hd95_mm: Mapped[float | None] = mapped_column(Float)  # None: one of the masks is empty
    first_ml: Mapped[float] = mapped_column(Float)
    second_ml: Mapped[float] = mapped_column(Float)
    worst_slice: Mapped[int] = mapped_column(Integer)  # with the most voxels in one mask only
    created_at: Mapped[datetime] = _now()

    __table_args__ = (
        UniqueConstraint("volume_id", "label_id", "first_id", "second_id", "tolerance_mm"),
        CheckConstraint("first_id < second_id", name="agreement_pair"),
    )


class Comment(Base):
    """What somebody said about a case, pinned as exactly as they did. Answers name the first comment as `thread_id`.
    Of a blind reading only `reader_id` sees a thread, besides those who review; threads of no reader only these do."""

    __tablename__ = "comments"

    id: Mapped[UUID] = _id()
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"))
    thread_id: Mapped[UUID | None] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"))
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    reader_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    body: Mapped[str] = mapped_column(Text)
    volume_id: Mapped[UUID | None] = mapped_column(ForeignKey("volumes.id", ondelete="CASCADE"))
    label_id: Mapped[UUID | None] = mapped_column(ForeignKey("labels.id", ondelete="SET NULL"))
    slice_index: Mapped[int | None] = mapped_column(Integer)
    x: Mapped[float | None] = mapped_column(Float)  # column
    y: Mapped[float | None] = mapped_column(Float)  # row
    created_at: Mapped[datetime] = _now()
    resolved_at: Mapped[datetime | None]  # of a thread, on its first comment
    resolved_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))

    __table_args__ = (
        CheckConstraint("(x is null) = (y is null)", name="comment_place"),
        CheckConstraint("x is null or slice_index is not null", name="comment_place_on_a_slice"),
        CheckConstraint("slice_index is null or volume_id is not null", name="comment_slice_of_a_volume"),
        Index("comments_by_case", "case_id", "id"),
    )


class Measurement(Base):
    """Something measured on a slice, with what came out: what a person read is what is kept."""

    __tablename__ = "measurements"

    id: Mapped[UUID] = _id()
    volume_id: Mapped[UUID] = mapped_column(ForeignKey("volumes.id", ondelete="CASCADE"))
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[str] = mapped_column(String(16))
    axis: Mapped[int] = mapped_column(SmallInteger)
    slice_index: Mapped[int] = mapped_column(Integer)
    points: Mapped[list[Any]]  # [column, row] each
    figures: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = _now()

    __table_args__ = (Index("measurements_by_volume", "volume_id", "id"),)


# -- learning ---------------------------------------------------------------------------------------------------------
class LearnedPromptRow(Base):
    """What SAM^assist learned of a label. Without a volume it was learned on the project's pictures."""

    __tablename__ = "learned_prompts"

    id: Mapped[UUID] = _id()
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"))
    volume_id: Mapped[UUID | None] = mapped_column(ForeignKey("volumes.id"))
    label_id: Mapped[UUID] = mapped_column(ForeignKey("labels.id"))
    annotator_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id"), unique=True)
    model: Mapped[str] = mapped_column(String(120))
    model_checksum: Mapped[str] = mapped_column(String(64))
    checksum: Mapped[str] = mapped_column(String(64))  # of the tensors
    tensors: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)  # safetensors, about 15 kB
    provenance: Mapped[dict[str, Any]]  # config, seed, steps, seconds, and `examples`: volume, slice, revision
    verdict: Mapped[dict[str, Any]]  # domain.learning.Verdict
    created_at: Mapped[datetime] = _now()

    __table_args__ = (
        Index("learned_prompts_by_label", "label_id", "annotator_id", "volume_id"),
        Index("learned_prompts_by_project", "project_id", "id"),
    )


class ActivePrompt(Base):
    """Which learned prompt answers an annotator's clicks on a label of a volume (none: of the project's pictures). A
    row without a learned prompt says that the plain model does."""

    __tablename__ = "active_prompts"

    id: Mapped[UUID] = _id()
    volume_id: Mapped[UUID | None] = mapped_column(ForeignKey("volumes.id", ondelete="CASCADE"))
    label_id: Mapped[UUID] = mapped_column(ForeignKey("labels.id", ondelete="CASCADE"))
    annotator_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    learned_prompt_id: Mapped[UUID | None] = mapped_column(ForeignKey("learned_prompts.id"))
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    __table_args__ = (UniqueConstraint("label_id", "annotator_id", "volume_id", postgresql_nulls_not_distinct=True),)


class Proposal(Base):
    """A mask of one slice that nobody accepted yet, and later what became of it. At most one is open a slice."""

    __tablename__ = "proposals"

    id: Mapped[UUID] = _id()
    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id"))
    volume_id: Mapped[UUID] = mapped_column(ForeignKey("volumes.id"))
    label_id: Mapped[UUID] = mapped_column(ForeignKey("labels.id"))
    annotator_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    slice_index: Mapped[int] = mapped_column(Integer)
    counts: Mapped[str] = mapped_column(Text)
    voxels: Mapped[int] = mapped_column(Integer)
    confidence: Mapped[float] = mapped_column(Float)
    prompts: Mapped[dict[str, Any] | None]
    generator: Mapped[str] = mapped_column(String(16))
    learned_prompt_id: Mapped[UUID | None] = mapped_column(ForeignKey("learned_prompts.id"))
    model: Mapped[str] = mapped_column(String(120))
    model_checksum: Mapped[str] = mapped_column(String(64))
    seed: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(16), default="open")
    revision_id: Mapped[UUID | None] = mapped_column(ForeignKey("revisions.id"))  # that accepting made
    made_at: Mapped[datetime] = _now()
    decided_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("state in ('open', 'accepted', 'corrected', 'rejected', 'absent')", name="proposal_state"),
        CheckConstraint("confidence between 0 and 1", name="proposal_confidence"),
        Index("proposals_by_volume", "volume_id", "label_id", "annotator_id", "id"),
        Index(
            "one_open_proposal_a_slice",
            "volume_id",
            "label_id",
            "annotator_id",
            "slice_index",
            unique=True,
            postgresql_where=text("state = 'open'"),
        ),
    )


# -- blinded comparisons ----------------------------------------------------------------------------------------------
class Comparison(Base):
    """Two sources of masks that readers compare without knowing which is which (domain.comparison)."""

    __tablename__ = "comparisons"

    id: Mapped[UUID] = _id()
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(120))
    settings: Mapped[dict[str, Any]]  # domain.comparison.ComparisonSettings
    plan: Mapped[list[Any]]  # domain.comparison.PlannedGroup
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("jobs.id"))  # that computes masks
    identical: Mapped[int] = mapped_column(Integer, default=0)  # pairs of equal masks, which nobody is shown
    ready_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]  # nobody judges any more
    deleted_at: Mapped[datetime | None]  # out of every list; what was said stays, as all history does
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = _now()

    __table_args__ = (Index("comparisons_by_project", "project_id", "id"),)


class ComparisonReader(Base):
    """Who compares; `finished_at`: since when they see the tally and say nothing more."""

    __tablename__ = "comparison_readers"

    comparison_id: Mapped[UUID] = mapped_column(ForeignKey("comparisons.id", ondelete="CASCADE"), primary_key=True)
    reader_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    finished_at: Mapped[datetime | None]


class ComparisonPair(Base):
    """Two masks of one slice, and where each is from. `annotation_id`: the accepted mask."""

    __tablename__ = "comparison_pairs"

    id: Mapped[UUID] = _id()
    comparison_id: Mapped[UUID] = mapped_column(ForeignKey("comparisons.id"))
    annotation_id: Mapped[UUID] = mapped_column(ForeignKey("annotations.id"))
    slice_index: Mapped[int] = mapped_column(Integer)
    first_counts: Mapped[str] = mapped_column(Text)
    second_counts: Mapped[str] = mapped_column(Text)
    first_from: Mapped[dict[str, Any]]
    second_from: Mapped[dict[str, Any]]

    __table_args__ = (UniqueConstraint("comparison_id", "annotation_id", "slice_index"),)


class ComparisonTurn(Base):
    """When a reader is shown a pair, and on which side, as it was drawn."""

    __tablename__ = "comparison_turns"

    pair_id: Mapped[UUID] = mapped_column(ForeignKey("comparison_pairs.id"), primary_key=True)
    reader_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    comparison_id: Mapped[UUID] = mapped_column(ForeignKey("comparisons.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(Integer)  # from 0
    first_is_left: Mapped[bool] = mapped_column(Boolean)

    __table_args__ = (UniqueConstraint("comparison_id", "reader_id", "position"),)


class ComparisonVote(Base):
    """What a reader said of a pair. Who thinks again says something more: the highest `number` counts."""

    __tablename__ = "comparison_votes"

    id: Mapped[UUID] = mapped_column(primary_key=True)  # made by the client, so that a retry is a no-op
    pair_id: Mapped[UUID] = mapped_column(ForeignKey("comparison_pairs.id"))
    reader_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    number: Mapped[int] = mapped_column(Integer)  # of this reader on this pair, from 1
    choice: Mapped[str] = mapped_column(String(8))
    seconds: Mapped[float | None] = mapped_column(Float)  # since the pair was shown
    created_at: Mapped[datetime] = _now()

    __table_args__ = (
        UniqueConstraint("pair_id", "reader_id", "number"),
        CheckConstraint("choice in ('left', 'right', 'none')", name="comparison_choice"),
    )


# -- work and record --------------------------------------------------------------------------------------------------
class Job(Base):
    """A background job. This row is the record; the queue carries only its id."""

    __tablename__ = "jobs"

    id: Mapped[UUID] = _id()
    kind: Mapped[str] = mapped_column(String(24))
    state: Mapped[str] = mapped_column(String(16), default="queued")
    project_id: Mapped[UUID | None] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    subject: Mapped[str | None] = mapped_column(String(120))  # of one kind, only a subject's newest job is wanted
    payload: Mapped[dict[str, Any]]
    progress: Mapped[float] = mapped_column(Float, default=0.0)  # 0..1
    message: Mapped[str] = mapped_column(Text, default="")  # domain.jobs.JobMessage, or a sentence
    message_params: Mapped[dict[str, Any]] = mapped_column(default=dict)  # numbers for the message
    result: Mapped[dict[str, Any] | None]
    problem: Mapped[dict[str, Any] | None]
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    cancel_requested: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime] = _now()
    started_at: Mapped[datetime | None]
    heartbeat_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("state in ('queued', 'running', 'done', 'failed', 'cancelled')", name="job_state"),
        CheckConstraint("progress between 0 and 1", name="job_progress"),
        Index("jobs_by_state", "state", "created_at"),
        Index("jobs_by_project", "project_id", "created_at"),
        Index("jobs_by_subject", "subject", "kind", "id"),
    )


class Webhook(Base):
    """Whom a project tells of its events. The secret is kept as it is: every message is signed with it."""

    __tablename__ = "webhooks"

    id: Mapped[UUID] = _id()
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    url: Mapped[str] = mapped_column(Text)
    events: Mapped[list[Any]]  # domain.webhooks.WebhookEvent
    secret: Mapped[str] = mapped_column(String(64))
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = _now()
    failures: Mapped[int] = mapped_column(Integer, default=0)  # attempts in a row
    disabled_at: Mapped[datetime | None]


class WebhookDelivery(Base):
    """One message to one webhook: kept before it is sent, and what became of it. `next_at`: the next attempt."""

    __tablename__ = "webhook_deliveries"

    id: Mapped[UUID] = _id()
    webhook_id: Mapped[UUID] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    event: Mapped[str] = mapped_column(String(32))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16), default="pending")
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    next_at: Mapped[datetime] = mapped_column(server_default=func.now())
    carried_at: Mapped[datetime | None]  # when the courier took it last
    status: Mapped[int | None] = mapped_column(SmallInteger)  # HTTP, of the last attempt
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = _now()
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("state in ('pending', 'delivered', 'failed')", name="delivery_state"),
        Index("deliveries_by_webhook", "webhook_id", "id"),
        Index("deliveries_due", "next_at", postgresql_where=text("state = 'pending'")),
    )


class AuditEvent(Base):
    """Who did what to what. Never holds pixel data, names of patients or secrets."""

    __tablename__ = "audit_events"

    id: Mapped[UUID] = _id()
    at: Mapped[datetime] = _now()
    actor_id: Mapped[UUID | None]
    action: Mapped[str] = mapped_column(String(64))
    project_id: Mapped[UUID | None]
    subject: Mapped[str] = mapped_column(String(64), default="")
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)

    __table_args__ = (
        Index("audit_by_project", "project_id", "at"),
        Index("audit_by_id", "project_id", "id"),
        Index("audit_by_subject", "subject", "at"),
    )


APPEND_ONLY = (Revision, RevisionSlice, LearnedPromptRow, AuditEvent, ComparisonPair, ComparisonVote)
