"""How much work went into each annotation, counted from its history once and kept for statistics until it changes.

A *way* is how a change came about: its origin, and the model that answered. What a model drew on a slice, and what
hands changed of it until the next answer of a model, belongs to that model's way. What was undone does not count there.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, exists, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.db.tables import Annotation, AnnotationWork, CountedAnnotation, VolumeRow
from backend.domain.annotation import Origin

FROM_THE_MODEL = (Origin.SAM, Origin.ASSIST, Origin.AUTO, Origin.PROPAGATION)

AT_ONCE = 1000
"""Annotations that one request counts at most; it takes a fraction of a second."""


def changed(session: Session, annotation_id: UUID) -> None:
    """The annotation, which the caller has locked, has a new revision: count it again when somebody asks."""
    session.execute(delete(CountedAnnotation).where(CountedAnnotation.annotation_id == annotation_id))


def count(session: Session, project_id: UUID) -> int:
    """Count annotations of a project that have changed, AT_ONCE at most. -> how many are left"""
    uncounted = (
        select(Annotation.id)
        .join(VolumeRow, VolumeRow.id == Annotation.volume_id)
        .where(VolumeRow.project_id == project_id)
        .where(~exists().where(CountedAnnotation.annotation_id == Annotation.id))
    )
    # held until the end: nobody appends to them meanwhile; those that somebody appends to right now come next time
    ids = list(session.scalars(uncounted.limit(AT_ONCE).with_for_update(of=Annotation, skip_locked=True)))
    if ids:
        session.execute(delete(AnnotationWork).where(AnnotationWork.annotation_id.in_(ids)))
        session.execute(_COUNT, {"ids": ids, "models": [str(origin) for origin in FROM_THE_MODEL]})
        counted = [{"annotation_id": annotation_id} for annotation_id in ids]
        session.execute(insert(CountedAnnotation).values(counted).on_conflict_do_nothing())
    return session.scalar(select(func.count()).select_from(uncounted.subquery())) or 0


_COUNT = text("""
insert into annotation_work (
    annotation_id, author_id, origin, model, project_id, case_id, label_id,
    revisions, slices, seconds, clicks, boxes, strokes, undos,
    slices_by_model, edits_after_model, voxels_by_model, voxels_changed
)
with revision as (
    select r.*, coalesce(r.model ->> 'name', '') as model_name, exists (
        select from revisions undo
        where undo.annotation_id = r.annotation_id and undo.reverts_id = r.id and not exists (
            select from revisions redo
            where redo.annotation_id = r.annotation_id and redo.reverts_id = undo.id
        )
    ) as undone
    from revisions r
    where r.annotation_id = any(:ids)
),
counted as (
    select
        r.annotation_id, r.author_id, r.origin, r.model_name, count(*) as revisions,
        sum(told.seconds) as seconds, sum(told.clicks) as clicks, sum(told.boxes) as boxes,
        sum(told.strokes) as strokes, sum(told.undos) as undos
    from revision r
    cross join lateral (
        select
            coalesce(sum((entry ->> 'seconds')::float), 0) as seconds,
            coalesce(sum((entry ->> 'clicks')::int), 0) as clicks,
            coalesce(sum((entry ->> 'boxes')::int), 0) as boxes,
            coalesce(sum((entry ->> 'strokes')::int), 0) as strokes,
            coalesce(sum((entry ->> 'undos')::int), 0) as undos
        from jsonb_array_elements(r.telemetry -> 'slices') entry
    ) told
    group by r.annotation_id, r.author_id, r.origin, r.model_name
),
change as (
    select
        r.annotation_id, r.author_id, r.origin, r.model_name, r.sequence, r.undone, s.slice_index, s.flipped_voxels,
        r.origin = any(:models) and not r.undone as by_model,
        count(*) filter (where r.origin = any(:models) and not r.undone)
            over (partition by r.annotation_id, s.slice_index order by r.sequence) as answer,
        row_number() over (partition by r.annotation_id, s.slice_index order by r.sequence desc) as age
    from revision r
    join revision_slices s on s.revision_id = r.id
),
newest as (
    select annotation_id, author_id, origin, model_name, count(*) as slices
    from change
    where age = 1
    group by annotation_id, author_id, origin, model_name
),
edited as (
    select
        annotation_id, slice_index, answer,
        coalesce(sum(flipped_voxels) filter (where origin in ('manual', 'review') and not undone), 0) as voxels
    from change
    where answer > 0
    group by annotation_id, slice_index, answer
),
answered as (
    select
        c.annotation_id, c.author_id, c.origin, c.model_name, count(*) as slices,
        count(*) filter (where e.voxels > 0) as edits,
        sum(c.flipped_voxels) as voxels, sum(e.voxels) as voxels_changed
    from change c
    join edited e using (annotation_id, slice_index, answer)
    where c.by_model
    group by c.annotation_id, c.author_id, c.origin, c.model_name
)
select
    c.annotation_id, c.author_id, c.origin, c.model_name, v.project_id, v.case_id, a.label_id,
    c.revisions, coalesce(n.slices, 0), c.seconds, c.clicks, c.boxes, c.strokes, c.undos,
    coalesce(m.slices, 0), coalesce(m.edits, 0), coalesce(m.voxels, 0), coalesce(m.voxels_changed, 0)
from counted c
join annotations a on a.id = c.annotation_id
join volumes v on v.id = a.volume_id
left join newest n using (annotation_id, author_id, origin, model_name)
left join answered m using (annotation_id, author_id, origin, model_name)
""")
