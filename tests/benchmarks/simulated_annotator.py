"""A simulated annotator: how many actions, and how much waiting, until every slice of a label reaches Dice 0.9?

    python -m tests.benchmarks.simulated_annotator --cases 2 --sets msd_hippocampus --labels "anterior hippocampus"

It works through the HTTP API alone, three ways: plain clicks on every slice; SAM^assist, which has learned from the
slices accepted so far; SAM^assist on five slices, then SAM^auto, whose proposals are accepted or corrected. The first
five are the two ends of the label, and then those that the page's key N leads to: the middle of the widest gap.

The user looks at the mask, clicks the centre of the largest error, and accepts when Dice with the reference is 0.9.
When a click did not help (two in a row, where more than half of the contour is wrong), or after so many clicks on a
slice, they undo what did not help and mend by hand what is wrong, the largest parts first, until Dice is 0.9; at once
where that is no more work than two clicks in vain. Proposals are looked through, and the bad ones are corrected, the
least certain first; clicks change them only where they lie. Where proposals go beyond the label, the user turns to the
first slice beyond it and says that it ends before that. After three corrections they have the rest proposed again if
more than half of it was bad. What is left in the end, and was good when it was looked at, is accepted at once (the
slider and the key).

An action is a click, an undo, an acceptance, "the label ends here", a press of "Segment the rest", the slider, or a
twentieth of the slice's contour drawn by hand. Turning to another slice and looking at it is none, in all three ways;
the column "looked at" says how often proposals were.
Waiting is what passes between an action and its answer, learning and proposing included; slices are encoded before.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import httpx
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy import ndimage

from backend.domain.ids import new_id
from backend.imaging import masks
from tests.operations.installation import running
from workers.evaluation import find_volumes, volume_case, words
from workers.sammed.cases import stream
from workers.sammed.metrics import dice
from workers.sammed.protocol import Case
from workers.sammed.sampling import next_correction

Mask = NDArray[np.bool_]
Way = Literal["plain", "assist", "auto"]

WAYS: dict[Way, str] = {"plain": "clicks", "assist": "SAM^assist", "auto": "SAM^assist + SAM^auto"}
GOOD_ENOUGH = 0.9
CLICKS_A_SLICE = 10
ACTIONS_A_CONTOUR = 20
"""Drawing by hand: one action for every twentieth of the contour's length that is wrong."""
HELPS = 0.01
"""A click that does not raise the best Dice so far by this much did not help."""
IN_VAIN = 2
"""Actions that a click in vain costs: the click and its undo."""
MUCH_WRONG = 10
"""Actions to mend half of a contour. With less wrong than that, one click in vain is enough."""
LEARN_AT = (2, 5, 10, 20, 40)
"""Accepted slices after which the label is learned. The page learns by itself whenever there are more; here at fixed
moments, and waited for, so that the same seed gives the same actions."""
BEFORE_AUTO = 5
CORRECTED_BEFORE_AGAIN = 3
JOB_TIMEOUT_S = 1800.0


@dataclass(frozen=True)
class Work:
    """What one label of one volume took, one way."""

    case: str
    label: str
    way: Way
    slices: int
    actions: int = 0
    clicks: int = 0
    drawn: int = 0
    """slices that were mended by hand, or drawn from nothing"""
    taken: int = 0
    """proposals that were accepted as they were"""
    looked_at: int = 0
    """proposals that were looked at, those of later runs again"""
    waiting_s: float = 0.0
    mean_dice: float = 0.0


class Desk:
    """One label of one volume in a fresh project, as the page sees it: questions, acceptance, learning, proposals."""

    def __init__(self, http: httpx.Client, name: str, image: Path, label: str) -> None:
        self._http = http
        self.waiting_s = 0.0
        project = self._post("/api/projects", {"name": name, "labels": [{"name": label, "color": "#dd8265"}]})
        files = [("files", (image.name, image.read_bytes()))]
        imported = self._until_over(http.post(f"/api/projects/{project['id']}/uploads", files=files).json())
        self.volume = f"/api/volumes/{imported['result']['series'][0]['volume_id']}"
        self.label_id = project["labels"][0]["id"]
        volume_id = self.volume.rsplit("/", 1)[1]
        annotation = self._post("/api/annotations", {"volume_id": volume_id, "label_id": self.label_id})
        self._revisions = f"/api/annotations/{annotation['id']}/revisions"
        self._of_label = {"volume_id": volume_id, "label_id": self.label_id}
        self._head: str | None = None
        self.shape: tuple[int, ...] = tuple(self._get(self.volume)["shape_kji"])
        self._encode()
        self.waiting_s = 0.0

    def ask(self, k: int, points: Sequence[dict[str, Any]], shown: Mask, *, learned: bool, corrects: bool) -> Mask:
        """As the page asks: with all points, and with the mask that is shown, if any, as a prompt. Of what was proposed
        (`corrects`), it changes only where the newest point lies."""
        asked: dict[str, Any] = {"slice": k, "label_id": self.label_id, "points": list(points)}
        if shown.any():
            asked["mask"] = masks.encode(shown)
            if corrects:
                asked["around"] = [[points[-1]["x"], points[-1]["y"]]]
        answer = self._post(f"{self.volume}/predictions", asked | {"learned_prompt": "auto" if learned else None})
        return masks.decode(answer["mask"])

    def accept(self, k: int, mask: Mask, origin: str) -> None:
        """The slice is empty before: a mask is accepted once."""
        slices = [{"slice": k, "flips": masks.encode(mask)}]
        self._revise(self._revisions, {"origin": origin, "slices": slices})

    def learn(self, seed: int) -> None:
        self._job({"kind": "learn_prompt", **self._of_label, "seed": seed})

    def propose(self, seed: int) -> list[dict[str, Any]]:
        """Proposals, least certain first."""
        self._job({"kind": "auto_segment", **self._of_label, "seed": seed})
        found = self._get(f"{self.volume}/proposals?label_id={self.label_id}")["items"]
        return sorted(found, key=lambda proposal: (proposal["confidence"], proposal["slice"]))

    def accept_proposals(self) -> None:
        """All that are open."""
        self._revise(f"{self.volume}/proposals/accept", {"label_id": self.label_id})

    def reject_proposals(self, proposals: Sequence[dict[str, Any]]) -> None:
        """Their slices do not show the label."""
        chosen = {"label_id": self.label_id, "ids": [proposal["id"] for proposal in proposals], "absent": True}
        self._post(f"{self.volume}/proposals/reject", chosen)

    def accepted(self) -> dict[int, Mask]:
        """Everything accepted, as it is stored."""
        annotation = self._revisions.rsplit("/", 1)[0]
        return {int(k): masks.decode(rle) for k, rle in self._get(f"{annotation}/masks")["slices"].items()}

    # -- inside -------------------------------------------------------------------------------------------------------
    def _revise(self, path: str, change: dict[str, Any]) -> None:
        revision = str(new_id())
        self._post(path, {"id" if path == self._revisions else "revision_id": revision, "parent": self._head, **change})
        self._head = revision

    def _job(self, asked: dict[str, Any]) -> None:
        self._until_over(self._post("/api/jobs", asked))

    def _until_over(self, job: dict[str, Any]) -> dict[str, Any]:
        started = time.perf_counter()
        while job["state"] in ("queued", "running"):
            if time.perf_counter() - started > JOB_TIMEOUT_S:
                raise TimeoutError(f"the job {job['kind']} does not end")
            time.sleep(0.05)
            job = self._http.get(f"/api/jobs/{job['id']}").raise_for_status().json()
        self.waiting_s += time.perf_counter() - started
        if job["state"] != "done":
            raise RuntimeError(f"the job {job['kind']} is {job['state']}: {job['problem']}")
        return job

    def _encode(self) -> None:
        wanted = list(range(self.shape[0]))
        started = time.perf_counter()
        while wanted:
            if time.perf_counter() - started > JOB_TIMEOUT_S:
                raise TimeoutError(
                    f"{len(wanted)} of {self.shape[0]} slices are not encoded: does a worker serve that?"
                )
            self._post(f"{self.volume}/encodings", {"slices": wanted[:64]})
            time.sleep(0.2)
            ready = set(self._get(f"{self.volume}/encodings")["ready"])
            wanted = [k for k in wanted if k not in ready]

    def _get(self, path: str) -> Any:
        return self._http.get(path).raise_for_status().json()

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        started = time.perf_counter()
        answer = self._http.post(path, json=body)
        self.waiting_s += time.perf_counter() - started
        if answer.is_error:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text}")
        return answer.json()


class Annotator:
    """Somebody who knows the reference when they see it, and clicks until the mask is like it."""

    def __init__(self, desk: Desk, work: Work, reference: dict[int, Mask], seed: int, most_clicks: int) -> None:
        self.desk, self.work, self.reference = desk, work, reference
        self._seed = seed
        self._most_clicks = most_clicks
        self._accepted = 0

    def annotate(self, k: int, *, learned: bool, start: Mask | None = None, points: Sequence[Any] = ()) -> None:
        """Bring one slice to its end, from nothing or from the mask and the points of a proposal."""
        reference = self.reference[k]
        best = np.zeros_like(reference) if start is None else start
        mask, asked, in_vain = best, list(points), 0
        rng = stream(self._seed, self.work.case, self.work.label, "clicks", k)
        for _ in range(self._most_clicks):
            if to_mend(best, mended(best, reference)) <= (MUCH_WRONG if in_vain else 2 * IN_VAIN):
                break
            click = next_correction(reference, mask, rng)
            assert click is not None, "a slice that is right needs no click"
            (x, y), positive = click
            asked.append({"x": float(x), "y": float(y), "positive": bool(positive)})
            mask = self.desk.ask(k, asked, mask, learned=learned, corrects=start is not None)
            self._count(clicks=1, actions=1)
            if dice(mask, reference) >= GOOD_ENOUGH:
                self.desk.accept(k, mask, "assist" if learned else "sam")
                self._count(actions=1)
                return
            if dice(mask, reference) >= dice(best, reference) + HELPS:
                best, in_vain = mask, 0
            else:
                in_vain += 1
            if in_vain == 2:
                break
        right = mended(best, reference)
        self.desk.accept(k, right, "manual")
        self._count(actions=in_vain + to_mend(best, right) + 1, drawn=1)

    def annotate_all(self, slices: Sequence[int], *, learning: bool) -> None:
        """Slices one after the other."""
        for k in slices:
            self.annotate(k, learned=learning)
            if learning:
                self._learn_if_due()

    def segment_the_rest(self) -> None:
        """Have the other slices proposed, go through the proposals from the least certain to the most, and accept what
        is left."""
        left: list[dict[str, Any]] | None = None
        while left is None:
            self._count(actions=1)
            left = self._walk(self._without_beyond(self.desk.propose(self._seed)))
        if left:
            self.desk.accept_proposals()
            self._count(actions=2, taken=len(left))

    def _walk(self, proposals: Sequence[dict[str, Any]]) -> list[dict[str, Any]] | None:
        """Correct the bad ones.  -> the good ones, or None where the rest is better proposed again"""
        self._count(looked_at=len(proposals))
        bad = [p for p in proposals if dice(masks.decode(p["mask"]), self.reference[p["slice"]]) < GOOD_ENOUGH]
        for corrected, proposal in enumerate(bad):
            if corrected == CORRECTED_BEFORE_AGAIN and 2 * len(bad) > len(proposals):
                return None
            prompts = proposal["prompts"] or {"points": []}
            start = masks.decode(proposal["mask"])
            self.annotate(proposal["slice"], learned=True, start=start, points=prompts["points"])
            self._learn_if_due()
        return [proposal for proposal in proposals if proposal not in bad]

    def _without_beyond(self, proposals: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Say where the label ends, on the first slice beyond it, where something is proposed beyond; and that it is
        not there of a slice between that does not show it."""
        first, last = min(self.reference), max(self.reference)
        wrong = [p for p in proposals if p["slice"] not in self.reference and masks.decode(p["mask"]).any()]
        declined: list[dict[str, Any]] = []
        for beyond in (
            [p for p in proposals if p["slice"] < first],
            [p for p in proposals if p["slice"] > last],
            *([p] for p in wrong if first < p["slice"] < last),
        ):
            if any(p in wrong for p in beyond):
                self.desk.reject_proposals(beyond)
                self._count(actions=1)
                declined += beyond
        return [p for p in proposals if p not in declined and p["slice"] in self.reference]

    def _learn_if_due(self) -> None:
        """One more slice is accepted: the label is learned at LEARN_AT."""
        self._accepted += 1
        if self._accepted in LEARN_AT:
            self.desk.learn(self._seed)

    def _count(self, **more: int) -> None:
        self.work = replace(self.work, **{name: getattr(self.work, name) + count for name, count in more.items()})


def first_slices(shown: Sequence[int], count: int) -> list[int]:
    """`count` of the slices that show the label (ascending), in the order in which they are annotated: the first, the
    last, then always the one that is farthest from those chosen, the lowest of several. All where there are no more."""
    chosen = [shown[0], shown[-1]][: len(shown)]
    while len(chosen) < min(count, len(shown)):
        rest = (k for k in shown if k not in chosen)
        chosen.append(max(rest, key=lambda k: min(abs(k - other) for other in chosen)))
    return chosen


def mended(mask: Mask, reference: Mask) -> Mask:
    """The mask with its largest wrong parts put right, as many as it takes to reach GOOD_ENOUGH."""
    parts, count = ndimage.label(mask ^ reference, np.ones((3, 3)))
    areas = np.bincount(parts.ravel(), minlength=count + 1)
    right = mask.copy()
    for part in sorted(range(1, count + 1), key=lambda n: -int(areas[n])):
        if dice(right, reference) >= GOOD_ENOUGH:
            break
        right ^= parts == part
    return right


def to_mend(mask: Mask, wanted: Mask) -> int:
    """Actions that turn one mask into the other by hand: the stretch of the contour that is more than a pixel off, or
    of the false contour where that is longer, in twentieths of the wanted contour; never more than all of it."""
    new, old = contour(wanted), contour(mask)
    if not old.any():
        return ACTIONS_A_CONTOUR
    missed = np.count_nonzero(new & ~_dilated(old))
    false = np.count_nonzero(old & ~_dilated(new))
    share = min(1.0, max(missed, false) / np.count_nonzero(new))
    return max(1, int(np.ceil(ACTIONS_A_CONTOUR * share)))


def contour(mask: Mask) -> Mask:
    """[H, W] bool: the pixels of the mask with a pixel outside among their eight neighbours; the picture's edge is
    outside."""
    return mask & ~ndimage.binary_erosion(mask, np.ones((3, 3), np.bool_))


def _dilated(mask: Mask) -> Mask:
    return ndimage.binary_dilation(mask, np.ones((3, 3), np.bool_))


def annotate(
    http: httpx.Client, case: Case, value: int, image: Path, way: Way, seed: int, most_clicks: int = CLICKS_A_SLICE
) -> Work:
    """Annotate one label of one volume. Raises RuntimeError when a slice ends worse than GOOD_ENOUGH."""
    label = case.label_names[value]
    reference = {k: plane == value for k, plane in enumerate(case.labels) if (plane == value).any()}
    slices = sorted(reference)
    desk = Desk(http, f"{case.name} {label} {way} {new_id()}"[:120], image, label)
    if desk.shape != (len(case.labels), *case.labels[0].shape):
        raise RuntimeError(f"{image} is {desk.shape} in the application, its label is not")
    user = Annotator(desk, Work(case.name, label, way, len(slices)), reference, seed, most_clicks)
    first = first_slices(slices, BEFORE_AUTO)
    if way == "auto":
        user.annotate_all(first, learning=True)
        if len(slices) > BEFORE_AUTO:
            user.segment_the_rest()
    else:
        user.annotate_all([*first, *(k for k in slices if k not in first)], learning=way == "assist")
    waiting_s = desk.waiting_s
    stored = desk.accepted()
    scores = [dice(stored.get(k, np.zeros_like(mask)), mask) for k, mask in reference.items()]
    if min(scores) < GOOD_ENOUGH or set(stored) != set(slices):
        raise RuntimeError(f"{case.name}, {label}, {way}: not every slice was brought to its end")
    return replace(user.work, waiting_s=waiting_s, mean_dice=float(np.mean(scores)))


def measure(
    http: httpx.Client,
    volumes: Sequence[tuple[Path, Path]],
    labels: Sequence[str],
    seed: int,
    most_clicks: int,
    ways: Sequence[Way] = tuple(WAYS),
) -> Iterator[Work]:
    """These ways on all volumes and labels. Learning that nobody asked for is off meanwhile: see LEARN_AT."""
    before = http.get("/api/me").raise_for_status().json()["auto_learn"]
    http.patch("/api/me", json={"auto_learn": False}).raise_for_status()
    try:
        for image, label in volumes:
            case = volume_case(image, label)
            for value, name in sorted(case.label_names.items()):
                if not labels or name in labels or str(value) in labels:
                    for way in ways:
                        yield annotate(http, case, value, image, way, seed, most_clicks)
    finally:
        http.patch("/api/me", json={"auto_learn": before}).raise_for_status()


def table(done: Sequence[Work]) -> Table:
    """One line for each label of a volume and way, and the sums."""
    title = f"Actions until every slice reaches Dice {GOOD_ENOUGH}"
    columns = (
        "volume",
        "label",
        "slices",
        "way",
        "actions",
        "of plain",
        "clicks",
        "by hand",
        "as proposed",
        "looked at",
        "waiting",
    )
    shown = Table(*columns, title=title, title_justify="left")
    plain = {(w.case, w.label): w.actions for w in done if w.way == "plain"}
    for n, w in enumerate(done):
        share = f"{100 * w.actions / plain[w.case, w.label]:.0f} %" if plain else ""
        counts = (str(w.clicks), str(w.drawn), str(w.taken), str(w.looked_at), f"{w.waiting_s:.1f} s")
        last = n + 1 == len(done) or (done[n + 1].case, done[n + 1].label) != (w.case, w.label)
        shown.add_row(w.case, w.label, str(w.slices), WAYS[w.way], str(w.actions), share, *counts, end_section=last)
    for way, name in WAYS.items():
        of_way = [w for w in done if w.way == way]
        if not of_way:
            continue
        actions = sum(w.actions for w in of_way)
        sums = (str(sum(w.clicks for w in of_way)), str(sum(w.drawn for w in of_way)))
        waiting = f"{sum(w.waiting_s for w in of_way):.1f} s"
        share = f"{100 * actions / sum(plain.values()):.0f} %" if plain else ""
        slices = str(sum(w.slices for w in of_way))
        looks = (str(sum(w.taken for w in of_way)), str(sum(w.looked_at for w in of_way)))
        shown.add_row("all", "", slices, name, str(actions), share, *sums, *looks, waiting)
    return shown


def volumes_of(folder: Path, sets: Sequence[str], cases: int | None) -> list[tuple[Path, Path]]:
    """Image and label of the first `cases` volumes of each set; all sets without a name."""
    found: list[tuple[Path, Path]] = []
    for name in sets or sorted(path.name for path in folder.iterdir() if path.is_dir()):
        found += find_volumes(folder / name)[:cases]
    return found


@contextmanager
def _client(url: str | None, token: str | None) -> Iterator[httpx.Client]:
    """A running server, or one of our own for as long as it is needed."""
    if url:
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=120) as http:
            yield http
        return
    with tempfile.TemporaryDirectory(prefix="sammed-annotator-") as folder, running(Path(folder)) as installation:
        installation.wait_for_workers()
        with installation.client() as http:
            http.timeout = httpx.Timeout(120)
            yield http
        installation.stop()


def main() -> None:
    shared = Path(os.environ.get("SAMMED_SHARED", Path(__file__).resolve().parents[3] / "shared"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=shared / "data" / "eval", help="sets of volumes with labels")
    parser.add_argument("--sets", default="", help="names of sets with commas between; all without it")
    parser.add_argument("--cases", type=int, default=None, help="at most so many volumes of each set")
    parser.add_argument("--labels", default="", help="labels by name or value with commas between; all without it")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS), help="all three without it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--clicks", type=int, default=CLICKS_A_SLICE, help="clicks on a slice before it is drawn by hand"
    )
    parser.add_argument("--url", help="a running server; without it one is started")
    parser.add_argument("--token", default=os.environ.get("SAMMED_TOKEN"), help="a personal token for it")
    options = parser.parse_args()
    volumes = volumes_of(options.folder, words(options.sets), options.cases)
    done: list[Work] = []
    with _client(options.url, options.token) as http:
        for work in measure(http, volumes, words(options.labels), options.seed, options.clicks, options.ways):
            done.append(work)
            print(
                f"{work.case}, {work.label}, {WAYS[work.way]}: {work.actions} actions, {work.waiting_s:.1f} s",
                flush=True,
            )
    Console(width=160).print(table(done))


if __name__ == "__main__":
    main()
