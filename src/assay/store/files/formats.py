"""The explicit list of artifact formats: what each must look like, and how it is written and read without pickle."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any, Literal, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from assay.domain.remote import Remote
from assay.errors import ArtifactRejected

Format = Literal["skops", "onnx", "rows", "remote"]
FORMATS: tuple[Format, ...] = get_args(Format)
LONGEST_UNPACKED = 1 << 30
LONGEST_GRAPH = 1 << 31
LONGEST_HEADER = 1 << 14
LONGEST_REMOTE = 1 << 20
MOST_NAMED = 10  # types that a refusal names

# A stored pipeline may hold these types and no other. Nothing in a file can add to the list; a caller may, with classes
# that the running application itself names.
TRUSTED = frozenset(
    f"{module}.{name}"
    for module, names in {
        "builtins": "bool bytearray bytes dict float int list set slice str tuple NoneType",
        "collections": "OrderedDict defaultdict",
        "numpy": "ndarray dtype bool bool_ float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 str_",
        "numpy.random._generator": "Generator",
        "numpy.random.mtrand": "RandomState",
        "scipy.sparse._csr": "csr_matrix csr_array",
        "assay.recipes.audio.convolved": "Convolutional",
        "assay.recipes.audio.layered": "Layers",
        "assay.recipes.embedded": "EmbeddedLabels",
        "assay.recipes.expressions": "Derive",
        "assay.recipes.stages": "Staged",
        "assay.recipes.targets": "LogTarget",
        "assay.recipes.yes_or_no": "Network YesOrNo",
        "assay.recipes.words": "WordLabels",
        "sklearn._loss._loss": "CyAbsoluteError CyHalfSquaredError CyPinballLoss CyHuberLoss",
        "sklearn._loss.link": "IdentityLink Interval LogLink",
        "sklearn._loss.loss": "AbsoluteError HalfSquaredError HuberLoss PinballLoss",
        "sklearn.compose._column_transformer": "ColumnTransformer",
        "sklearn.compose._target": "TransformedTargetRegressor",
        "sklearn.dummy": "DummyRegressor",
        "sklearn.ensemble._bagging": "BaggingRegressor",
        "sklearn.ensemble._forest": "ExtraTreesRegressor RandomForestRegressor",
        "sklearn.ensemble._gb": "GradientBoostingRegressor",
        "sklearn.ensemble._hist_gradient_boosting.binning": "_BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting": "HistGradientBoostingRegressor",
        "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
        "sklearn.ensemble._stacking": "StackingRegressor",
        "sklearn.ensemble._voting": "VotingRegressor",
        "sklearn.impute._base": "MissingIndicator SimpleImputer",
        "sklearn.isotonic": "IsotonicRegression",
        "sklearn.linear_model._base": "LinearRegression",
        "sklearn.linear_model._coordinate_descent": "ElasticNet ElasticNetCV Lasso LassoCV",
        "sklearn.linear_model._glm.glm": "GammaRegressor PoissonRegressor TweedieRegressor",
        "sklearn.linear_model._huber": "HuberRegressor",
        "sklearn.linear_model._quantile": "QuantileRegressor",
        "sklearn.linear_model._ridge": "Ridge RidgeCV",
        "sklearn.pipeline": "FeatureUnion Pipeline",
        "sklearn.preprocessing._data": "MaxAbsScaler MinMaxScaler Normalizer PowerTransformer QuantileTransformer"
        " RobustScaler StandardScaler",
        "sklearn.preprocessing._discretization": "KBinsDiscretizer",
        "sklearn.preprocessing._encoders": "OneHotEncoder OrdinalEncoder",
        "sklearn.preprocessing._function_transformer": "FunctionTransformer",
        "sklearn.preprocessing._polynomial": "PolynomialFeatures SplineTransformer",
        "sklearn.svm._classes": "LinearSVR SVR",
        "sklearn.tree._classes": "DecisionTreeRegressor ExtraTreeRegressor",
        "sklearn.tree._tree": "Tree",
        "sklearn.utils._bunch": "Bunch",
        "xgboost.core": "Booster",
        "xgboost.sklearn": "XGBRegressor XGBRFRegressor",
    }.items()
    for name in names.split()
)


def dump_pipeline(estimator: Any, trusted: tuple[str, ...]) -> bytes:
    """A fitted estimator in the skops format. `trusted` names classes beyond the list, as "module.Class".

    Raises ArtifactRejected, naming the type, where `load_pipeline` would refuse the result.
    """
    import skops.io  # noqa: PLC0415 - heavy, and not needed where a compiled graph answers

    try:
        data: bytes = skops.io.dumps(estimator)
    except Exception as error:
        raise ArtifactRejected(f"{type(estimator).__name__} cannot be stored as skops: {_short(error)}") from error
    load_pipeline(data, trusted)
    return data


def load_pipeline(data: bytes, trusted: tuple[str, ...]) -> Any:
    """The estimator in a skops file that holds no type but those of the list and `trusted`; raises ArtifactRejected."""
    allowed = TRUSTED | set(trusted)
    unknown = [name for name in dict.fromkeys(_types(_schema(data))) if name not in allowed]
    if unknown:
        named = ", ".join(one[:100] for one in unknown[:MOST_NAMED])
        raise ArtifactRejected(
            f"The pipeline holds what may not be stored: {named}; if you trust these classes, the model names them as"
            " `trusted=(…)`."
        )
    import skops.io  # noqa: PLC0415 - heavy, and not needed where a compiled graph answers

    try:
        return skops.io.loads(data, trusted=sorted(allowed))
    except Exception as error:
        raise ArtifactRejected(f"The pipeline cannot be read: {_short(error)}") from error


def dump_rows(rows: NDArray[Any]) -> bytes:
    """A structured array of numbers in the .npy format; raises ArtifactRejected for any other array."""
    _only_numbers(rows.dtype)
    file = io.BytesIO()
    np.lib.format.write_array(file, np.ascontiguousarray(rows), allow_pickle=False)
    return file.getvalue()


def load_rows(data: bytes) -> NDArray[Any]:
    """The structured array of numbers in an .npy file of exactly that length; raises ArtifactRejected."""
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ArtifactRejected(f"The rows are in version {version} of the .npy format; only (1, 0) is read.")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file, max_header_size=LONGEST_HEADER)
        _only_numbers(dtype)
        if len(shape) != 1 or len(data) - file.tell() != shape[0] * dtype.itemsize:
            raise ArtifactRejected("The rows are not as many as their file says.")
        return np.frombuffer(data, dtype, count=shape[0], offset=file.tell())
    except (ValueError, TypeError, OverflowError, MemoryError, RecursionError) as error:
        raise ArtifactRejected(f"The rows cannot be read: {_short(error)}") from error


def dump_remote(remote: Remote) -> bytes:
    """The specification of a remote model as JSON."""
    return msgspec.json.encode(remote)


def load_remote(data: bytes) -> Remote:
    """The specification in a file of JSON that holds nothing else; raises ArtifactRejected."""
    if len(data) > LONGEST_REMOTE:
        raise ArtifactRejected(f"The remote model's specification is longer than {LONGEST_REMOTE} bytes.")
    try:
        return msgspec.json.decode(data, type=Remote)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ArtifactRejected(f"The remote model's specification cannot be read: {_short(error)}") from error


def check_graph(data: bytes) -> None:
    """Cheap signs that the bytes are an ONNX model: they open with its `ir_version` and have a possible length.

    Raises ArtifactRejected. What the graph answers is proved elsewhere; here only what is plainly something else is
    turned away before a parser sees it.
    """
    # Field 1 of ModelProto, a varint: key 0x08, then the version; ONNX has counted to 13 since 2017.
    if not 16 <= len(data) < LONGEST_GRAPH or data[0] != 0x08 or not 3 <= data[1] <= 32:
        raise ArtifactRejected("The graph is not an ONNX model.")


def _schema(data: bytes) -> Any:
    if not data.startswith(b"PK\x03\x04"):
        raise ArtifactRejected("The pipeline is not a skops file.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if sum(part.file_size for part in packed.infolist()) > LONGEST_UNPACKED:
                raise ArtifactRejected(f"The pipeline unpacks to more than {LONGEST_UNPACKED} bytes.")
            damaged = packed.testzip()
            if damaged is not None:
                raise ArtifactRejected(f"The part {damaged[:80]!r} of the pipeline is damaged.")
            return json.loads(packed.read("schema.json"))
    except ArtifactRejected:
        raise
    except Exception as error:
        raise ArtifactRejected(f"The pipeline is not a skops file: {_short(error)}") from error


def _types(schema: Any) -> Iterator[str]:
    """Every type that the file would have constructed or named, wherever it stands."""
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if "__loader__" in node or "__class__" in node:
                yield f"{node.get('__module__')}.{node.get('__class__')}"
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def _only_numbers(dtype: np.dtype[Any]) -> None:
    kinds = [dtype[name] for name in dtype.names or ()]
    if not kinds or any(kind.kind not in "biuf" or kind.shape for kind in kinds):
        raise ArtifactRejected(f"Rows are a structured array of numbers, not {dtype}.")


def _short(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
