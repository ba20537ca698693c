"""Assay takes a model from a notebook to production and keeps it honest there."""

from assay.domain.features.entity import Entity
from assay.domain.features.table import Features
from assay.domain.given.task import Task
from assay.domain.items.collection import Items
from assay.domain.model import Model
from assay.domain.prediction import Explanation, Prediction
from assay.domain.question.field import Audio, Boolean, Category, Grade, Integer, Number, Text
from assay.domain.question.input import Input
from assay.domain.releases.gate import Gate
from assay.errors import AssayError

__all__ = [
    "AssayError", "Audio", "Boolean", "Category", "Entity", "Explanation", "Features", "Gate", "Grade", "Input", "Integer",
    "Items", "Model", "Number", "Prediction", "Task", "Text",
]  # fmt: skip
