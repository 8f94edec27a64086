"""Promptable segmentation of medical images: arrays in, arrays out. Knows no web, database or DICOM.

from workers.sammed import Prompts, load_sam

model = load_sam("sammed-small")
embedding = model.encode(image)                                   # uint8 [H, W] or [H, W, 3]
prompts = Prompts(np.array([[120, 80]]), np.array([1]))           # x, y of one foreground point
mask = model.decode(embedding, prompts).mask                      # bool [H, W]

A label is learned from a few annotated slices (SAM^assist), and found on the others (SAM^auto):

slices = EncodedSlices(model, images)
annotated = [AnnotatedSlice(k, slices.embedding(k), masks[k]) for k in (12, 20, 31, 40, 47)]
taught = model.with_prompt(learn_prompt(model, annotated))
for proposal in auto_segment(taught, slices, annotated, targets=range(len(images))):
    print(proposal.index, proposal.confidence, proposal.mask.sum())
"""

from workers.sammed.assist import AssistConfig, LearnedPrompt, learn_prompt
from workers.sammed.auto import ABLATION, AutoConfig, SliceProposal, auto_segment
from workers.sammed.guards import Verdict, judge
from workers.sammed.registry import MODELS, ModelCard, available, load_sam, pull
from workers.sammed.sam import PREPROCESSING_VERSION, EncodedSlices, SamModel
from workers.sammed.sapnet import SapNet, SapNetConfig, train_sapnet
from workers.sammed.types import (
    AnnotatedSlice,
    CheckpointError,
    EmptyMask,
    InvalidPrompt,
    NotEnoughSlices,
    Prediction,
    Prompts,
    SammedError,
    SliceEmbedding,
    Slices,
)

__all__ = [
    "ABLATION",
    "MODELS",
    "PREPROCESSING_VERSION",
    "AnnotatedSlice",
    "AssistConfig",
    "AutoConfig",
    "CheckpointError",
    "EmptyMask",
    "EncodedSlices",
    "InvalidPrompt",
    "LearnedPrompt",
    "ModelCard",
    "NotEnoughSlices",
    "Prediction",
    "Prompts",
    "SamModel",
    "SammedError",
    "SapNet",
    "SapNetConfig",
    "SliceEmbedding",
    "SliceProposal",
    "Slices",
    "Verdict",
    "auto_segment",
    "available",
    "judge",
    "learn_prompt",
    "load_sam",
    "pull",
    "train_sapnet",
]
