"""Label sets: versions that revisions name, order, copies and files; rules that decide over submitting."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
import pytest

from backend.db.tables import LabelRow
from backend.domain.annotation import InvalidLabel, Origin, RevisionDraft, SliceFlips
from backend.domain.ids import new_id
from backend.domain.label_rules import LabelRules, Level
from backend.domain.workflow import CaseState, Role
from backend.imaging import masks
from backend.services.access import RoleForbids
from backend.services.case_dealing import CaseChange
from backend.services.projects import LabelDraft, LabelInUse, LabelTaken, ProjectView
from backend.services.submission import SubmitBlocked, SubmitUnconfirmed
from backend.wiring import Services
from tests.services.conftest import SHAPE_KJI, World, new_volume


@pytest.fixture
def project(services: Services, world: World) -> ProjectView:
    labels = [LabelDraft("liver", "#dd8265", shortcut="1"), LabelDraft("tumor", "#90ee90", group="findings")]
    view = services.projects.create(world.manager, "Label sets", "", labels)
    services.projects.set_member(world.manager, view.project.id, world.annotator.email, Role.ANNOTATOR)
    return view


def draw(services: Services, world: World, volume_id: UUID, label_id: UUID, *slices: int) -> int | None:
    """A square on these slices; the version of the label set that the revision names."""
    plane = np.zeros(SHAPE_KJI[1:], bool)
    plane[2:5, 2:5] = True
    counts = masks.encode(plane)["counts"]
    annotation = services.annotations.create(world.annotator, volume_id, label_id, None)
    flips = tuple(SliceFlips(k, (SHAPE_KJI[1], SHAPE_KJI[2]), counts) for k in slices)
    draft = RevisionDraft(new_id(), annotation.head, Origin.MANUAL, flips)
    appended = services.annotations.append(world.annotator, annotation.annotation.id, draft)
    return appended.revision.label_set_version


def test_every_change_makes_a_version_and_a_revision_names_its_own(
    services: Services, world: World, project: ProjectView
) -> None:
    project_id, (liver, tumor) = project.project.id, (label.id for label in project.labels)
    volume = services.imports.store(project_id, new_volume(services, seed=901, study_key="versions")).volume_id
    assert draw(services, world, volume, liver, 1) == 1
    services.projects.change_label(world.manager, tumor, {"name": "lesion"})
    services.projects.change_label(world.manager, tumor, {"name": "lesion"})  # nothing new
    services.projects.add_label(world.manager, project_id, LabelDraft("cyst", "#cdcd64"))
    assert draw(services, world, volume, liver, 2) == 3
    services.projects.delete_label(world.manager, tumor)
    with pytest.raises(LabelInUse):
        services.projects.delete_label(world.manager, liver)

    kept = services.label_sets.versions(world.annotator, project_id)
    assert [view.label_set.version for view in kept] == [4, 3, 2, 1]
    names = [[label["name"] for label in view.label_set.labels] for view in reversed(kept)]
    assert names == [["liver", "tumor"], ["liver", "lesion"], ["liver", "lesion", "cyst"], ["liver", "cyst"]]
    assert kept[0].author is not None and kept[0].author.id == world.manager.id


def test_labels_are_ordered_and_travel_to_another_project(
    services: Services, world: World, project: ProjectView
) -> None:
    project_id, (liver, tumor) = project.project.id, (label.id for label in project.labels)
    rules = LabelRules(holes=Level.WARN)
    services.projects.change_label(world.manager, tumor, {"rules": rules})
    ordered = services.label_sets.order(world.manager, project_id, [tumor, liver])
    assert [row.name for row in ordered] == ["tumor", "liver"]
    with pytest.raises(InvalidLabel):
        services.label_sets.order(world.manager, project_id, [tumor])
    with pytest.raises(RoleForbids):
        services.label_sets.order(world.annotator, project_id, [liver, tumor])

    other = services.projects.create(world.manager, "Other", "", [LabelDraft("Liver", "#ffffff", shortcut="1")])
    taken = services.label_sets.copy(world.manager, other.project.id, project_id)
    assert (taken.added, taken.kept) == (1, ("liver",))
    mine, new = taken.labels
    assert (mine.name, mine.color) == ("Liver", "#ffffff")
    assert (new.name, new.value, new.group_name, LabelRules.model_validate(new.rules)) == (
        "tumor",
        2,
        "findings",
        rules,
    )
    clash = LabelDraft("spleen", "#9d6ca2", value=2, shortcut="1")
    spleen = services.label_sets.bring_in(world.manager, other.project.id, [clash]).labels[-1]
    assert (spleen.value, spleen.shortcut) == (3, None)
    with pytest.raises(InvalidLabel):  # all or none
        services.label_sets.bring_in(
            world.manager, other.project.id, [LabelDraft("a", "#111111"), LabelDraft("b", "red")]
        )
    assert len(services.projects.labels(world.manager, other.project.id)) == 3


def test_whether_labels_exclude_each_other_travels_with_them(
    services: Services, world: World, project: ProjectView
) -> None:
    source = project.project.id
    services.projects.change(world.manager, source, {"exclusive_labels": True})
    empty = services.projects.create(world.manager, "Empty", "", []).project.id
    taken = services.label_sets.copy(world.manager, empty, source)
    assert (taken.exclusive, taken.differs) == (True, False)
    assert services.label_sets.versions(world.manager, empty)[0].label_set.exclusive
    overlapping = services.projects.create(world.manager, "Overlap", "", [LabelDraft("cyst", "#cdcd64")]).project.id
    drafts, exclusive = services.label_sets.drafts(world.annotator, source)
    taken = services.label_sets.bring_in(world.manager, overlapping, drafts, exclusive)
    assert (taken.exclusive, taken.differs) == (False, True)  # its masks may overlap already


def test_capitals_do_not_tell_names_apart(services: Services, world: World, project: ProjectView) -> None:
    project_id, (liver, tumor) = project.project.id, (label.id for label in project.labels)
    for name in ("Liver", " LIVER "):
        with pytest.raises(LabelTaken):
            services.projects.add_label(world.manager, project_id, LabelDraft(name, "#111111"))
        with pytest.raises(LabelTaken):
            services.projects.change_label(world.manager, tumor, {"name": name})
    assert services.projects.change_label(world.manager, liver, {"name": "LIVER"}).name == "LIVER"
    with services.db.begin() as session:  # from before names were compared so
        session.get_one(LabelRow, tumor).name = "liver"
    services.projects.change_label(world.manager, tumor, {"color": "#222222", "name": "liver"})


def test_a_case_is_submitted_when_its_masks_keep_the_rules(
    services: Services, world: World, project: ProjectView
) -> None:
    project_id, (liver, tumor) = project.project.id, (label.id for label in project.labels)
    stored = services.imports.store(project_id, new_volume(services, seed=902, study_key="rules"))
    services.cases.change(world.manager, stored.case_id, {"assignee_id": world.annotator.id})
    rules: dict[UUID, LabelRules] = {
        liver: LabelRules(missing_slices=Level.WARN),
        tumor: LabelRules(required=Level.BLOCK),
    }
    for label, wanted in rules.items():
        services.projects.change_label(world.manager, label, {"rules": wanted})
    draw(services, world, stored.volume_id, liver, 0, 3)

    def submit(**more: Any) -> str:
        return services.cases.change(world.annotator, stored.case_id, {"state": "submitted", **more}).case.state

    with pytest.raises(SubmitBlocked, match="tumor") as blocked:
        submit(confirmed=True)
    assert [(f["rule"], f["level"], f["slice"]) for f in blocked.value.context["findings"]] == [
        ("missing_slices", "warn", 1),
        ("required", "block", None),
    ]
    draw(services, world, stored.volume_id, tumor, 2)
    with pytest.raises(SubmitUnconfirmed, match="liver"):
        submit()
    submitted = CaseChange(state=CaseState.SUBMITTED)
    changed, [refusal] = services.cases.change_many(world.manager, project_id, [stored.case_id], submitted)
    assert (changed, refusal.error.code) == (0, "submit_unconfirmed")
    assert submit(confirmed=True) == "submitted"


def test_labels_that_exclude_each_other_cannot_be_submitted_with_shared_voxels(
    services: Services, world: World, project: ProjectView
) -> None:
    project_id, (liver, tumor) = project.project.id, (label.id for label in project.labels)
    stored = services.imports.store(project_id, new_volume(services, seed=911, study_key="exclusive"))
    services.cases.change(world.manager, stored.case_id, {"assignee_id": world.annotator.id})
    draw(services, world, stored.volume_id, liver, 1, 2)
    draw(services, world, stored.volume_id, tumor, 2)
    changed = services.projects.change(world.manager, project_id, {"exclusive_labels": True})
    assert (changed.project.exclusive_labels, changed.project.label_set_version) == (True, 2)
    same = services.projects.change(world.manager, project_id, {"exclusive_labels": True, "name": "Renamed"})
    assert same.project.label_set_version == 2
    assert [view.label_set.exclusive for view in services.label_sets.versions(world.manager, project_id)] == [
        True,
        False,
    ]
    with pytest.raises(SubmitBlocked) as refused:
        services.cases.change(world.annotator, stored.case_id, {"state": "submitted", "confirmed": True})
    found = refused.value.context["findings"]
    assert [(one["rule"], one["label"], one["slice"]) for one in found] == [
        ("overlap", "liver", 2),
        ("overlap", "tumor", 2),
    ]
    services.projects.change(world.manager, project_id, {"exclusive_labels": False})
    submitted = services.cases.change(world.annotator, stored.case_id, {"state": "submitted"})
    assert submitted.case.state == CaseState.SUBMITTED
