"""Assay takes a model from a notebook to production and keeps it honest there."""

from assay.domain.model import Model
from assay.domain.prediction import Explanation, Prediction
from assay.domain.question.field import Boolean, Category, Grade, Integer, Number, Text
from assay.domain.question.input import Input
from assay.domain.releases.gate import Gate
from assay.errors import AssayError

__all__ = [
    "AssayError", "Boolean", "Category", "Explanation", "Gate", "Grade", "Input", "Integer", "Model", "Number", "Prediction",
    "Text",
]  # fmt: skip
