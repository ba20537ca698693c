"""The base of the types that an author writes: a strict struct whose fields carry ranges, words, units and descriptions."""

from __future__ import annotations

from typing import Any, ClassVar, Self, dataclass_transform

import msgspec

from assay.domain.question.faults import row_faults, row_of
from assay.domain.question.field import Audio, Boolean, Category, Field, Grade, Integer, Number, Text, object_schema
from assay.errors import QuestionInvalid


class InputMeta(msgspec.StructMeta):
    """Turns `carat: float = Number(above=0)` into a strict struct field, and keeps what was said about it."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **told: Any) -> Any:
        said = {key: value for key, value in namespace.items() if isinstance(value, Field)}
        if said:
            namespace["__annotations__"] = _annotations(namespace)
        for key, field in said.items():
            namespace["__annotations__"][key] = field.annotation()
            if field.nullable:
                namespace[key] = None
            else:
                del namespace[key]
        told = {"frozen": True, "kw_only": True, "forbid_unknown_fields": True} | told
        made: Any = super().__new__(mcls, name, bases, namespace, **told)
        inherited = {key: field for base in bases for key, field in getattr(base, "assay_fields", {}).items()}
        made.assay_fields = inherited | said
        # FastAPI reads a parameter from the body only if its type is a mapping, a pydantic model or a dataclass.
        made.__dataclass_fields__ = {}
        return made


# said of the base and not of its metaclass, where msgspec's own word would win
@dataclass_transform(kw_only_default=True, field_specifiers=(Number, Integer, Grade, Category, Text, Boolean, Audio))
class Input(msgspec.Struct, metaclass=InputMeta):
    """What is asked. Subclass it and give each field a `Number`, `Integer`, `Grade`, `Category`, `Text`, `Boolean` or `Audio`."""

    assay_fields: ClassVar[dict[str, Field]] = {}

    @classmethod
    def take(cls, asked: Any) -> Self:
        """The input from values that are already parsed; raises QuestionInvalid, which names every fault."""
        found = tuple(row_faults(asked, cls.assay_fields, "#"))
        if found:
            raise QuestionInvalid(found)
        return row_of(asked, cls.assay_fields, cls)

    # FastAPI asks types how to be validated and described in pydantic's own words, which are plain dictionaries.
    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> dict[str, Any]:
        def taken(asked: Any) -> Input:
            try:
                return cls.take(asked)
            except QuestionInvalid as refused:
                raise NotTaken(refused) from None  # pydantic alone knows where in the body it stands

        return {"type": "function-plain", "function": {"type": "no-info", "function": taken}}

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: Any, _handler: Any) -> dict[str, Any]:
        return object_schema(cls.__name__, cls.assay_fields)


class NotTaken(ValueError):
    """A part of a body is no such input: `refused` names every fault, by pointers that begin at the part."""

    def __init__(self, refused: QuestionInvalid) -> None:
        super().__init__(str(refused))
        self.refused = refused


def _annotations(namespace: dict[str, Any]) -> dict[str, Any]:
    if "__annotations__" in namespace:
        return dict(namespace["__annotations__"])
    import annotationlib  # type: ignore[import-not-found]  # noqa: PLC0415 - from Python 3.14 on annotations are made when asked for

    annotate = annotationlib.get_annotate_from_class_namespace(namespace)
    return dict(annotationlib.call_annotate_function(annotate, annotationlib.Format.FORWARDREF)) if annotate else {}
