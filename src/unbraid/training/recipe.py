"""A recipe: everything that decides a training run, read from TOML into dataclasses."""

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_origin

from unbraid.errors import SpecError, TrainingError
from unbraid.spec import Spec
from unbraid.stems import STEMS
from unbraid.training.data.augmentation import AugmentationConfig
from unbraid.training.data.remix import RemixConfig
from unbraid.training.losses import LossConfig
from unbraid.training.nets import KINDS
from unbraid.training.nets.net import Net, NetConfig
from unbraid.training.nets.unet import UNetConfig

OPTIMISERS = ("adamw", "muon")


@dataclass(frozen=True, slots=True)
class OptimiserConfig:
    """Warm-up, a plateau, then a cosine to zero over the last part of the time budget."""

    kind: str = "adamw"  # or "muon", see `optimiser`
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    warm_up_steps: int = 200
    anneal_fraction: float = 0.3  # of the time budget
    clip_norm: float = 1.0
    ema: float = 0.999
    only: tuple[str, ...] = ()  # what is trained, by the beginnings of its names; none: all

    def __post_init__(self) -> None:
        if self.kind not in OPTIMISERS:
            raise TrainingError(f"kind must be one of {', '.join(OPTIMISERS)}, not {self.kind!r}")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training run."""

    name: str
    description: str
    spec: Spec = field(default_factory=Spec)
    stems: tuple[str, ...] = STEMS  # that its nets give; what no stem claims is `other`
    net: NetConfig = field(default_factory=UNetConfig)
    mix: RemixConfig = field(default_factory=RemixConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    source_weights: dict[str, float] = field(default_factory=dict)
    wiener: bool = False  # losses judge stems behind the separator's filter, not the masks
    crop_frames: int = 64  # frames of an example: 1.5 s
    batch_size: int = 8
    seed: int = 0
    precision: str = "auto"  # of the net alone: "bf16", "fp32", or bf16 on a GPU
    save_minutes: float = 5.0  # between two checkpoints, at most; most often it is seconds
    validate_minutes: float = 30.0

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def build(self) -> Net:
        """Its nets, with random weights.

        Raises:
            TrainingError: this kind cannot give these stems, or work with this spec.
        """
        return self.net.build(self.spec, self.stems)


PRECISIONS = ("auto", "bf16", "fp32")
DEFAULT_KIND = "unet"
RECIPES = Path(__file__).parent / "recipes"


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Read a recipe that ships with unbraid (by name) or a TOML file (by path).

    A recipe with a key `base` is that recipe (a shipped name, or a path from the file's folder)
    with the keys that it names changed: an ablation is then a file of one line.

    Raises:
        TrainingError: it does not exist, is not TOML, or has an unknown or ill-typed key.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = RECIPES / f"{name_or_path}.toml"
    return recipe_from_dict(_read_table(path, str(name_or_path)), path.name)


def _read_table(path: Path, name: str, depth: int = 0) -> dict[str, Any]:
    if not path.is_file():
        shipped = ", ".join(sorted(p.stem for p in RECIPES.glob("*.toml")))
        raise TrainingError(f"{name}: no such recipe; shipped ones: {shipped}")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise TrainingError(f"{path}: not valid TOML: {error}") from None
    base = table.pop("base", None)
    if base is None:
        return table
    if not isinstance(base, str) or depth > 8:
        raise TrainingError(f"{path}: base must name another recipe that is not this one")
    of = path.parent / base if base.endswith(".toml") else RECIPES / f"{base}.toml"
    return _merged(_read_table(of, base, depth + 1), table)


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    kind = changes.get("kind")
    # Sizes of another kind of net are not this one's.
    both = {} if kind and kind != base.get("kind", DEFAULT_KIND) else dict(base)
    for key, value in changes.items():
        inner = isinstance(value, dict) and isinstance(both.get(key), dict)
        both[key] = _merged(both[key], value) if inner else value
    return both


def recipe_from_dict(table: dict[str, Any], where: str = "recipe") -> Recipe:
    """The same from a table that is already read, such as a checkpoint's."""
    recipe: Recipe = _build(Recipe, table, where)
    if recipe.crop_frames % recipe.net.frame_multiple:
        raise TrainingError(
            f"{where}: crop_frames must be a multiple of {recipe.net.frame_multiple}"
        )
    if not recipe.stems or [s for s in STEMS if s in recipe.stems] != list(recipe.stems):
        raise TrainingError(f"{where}: stems must be some of {', '.join(STEMS)}, in that order")
    if recipe.precision not in PRECISIONS:
        raise TrainingError(f"{where}: precision must be one of {', '.join(PRECISIONS)}")
    return recipe


def same_architecture(recipe: Recipe, table: dict[str, Any]) -> bool:
    """Whether a checkpoint's table, perhaps of another version, is of a recipe's net."""
    try:
        spec = _build(Spec, table["spec"], "spec")
        net = _net(table["net"], "net")
    except (KeyError, TrainingError):
        return False
    stems = tuple(table.get("stems", STEMS))
    return bool((spec, stems, net) == (recipe.spec, recipe.stems, recipe.net))


def _net(table: Any, where: str) -> NetConfig:
    kind = table.get("kind", DEFAULT_KIND) if isinstance(table, dict) else None
    if kind not in KINDS:
        raise TrainingError(f"{where}: kind must be one of {', '.join(KINDS)}, not {kind!r}")
    config: NetConfig = _build(KINDS[kind], table, where)
    return config


def _build(kind: Any, table: Any, where: str) -> Any:
    if not isinstance(table, dict):
        raise TrainingError(f"{where}: must be a table")
    fields = {f.name: f for f in dataclasses.fields(kind)}
    unknown = sorted(set(table) - set(fields))
    if unknown:
        raise TrainingError(
            f"{where}: unknown key {unknown[0]!r}; known: {', '.join(sorted(fields))}"
        )
    values = {
        name: _value(fields[name].type, value, f"{where}: {name}") for name, value in table.items()
    }
    missing = sorted(
        name
        for name, f in fields.items()
        if name not in values
        and f.default is dataclasses.MISSING
        and f.default_factory is dataclasses.MISSING
    )
    if missing:
        raise TrainingError(f"{where}: key {missing[0]!r} is missing")
    try:
        return kind(**values)
    except (SpecError, TrainingError) as error:
        raise TrainingError(f"{where}: {error}") from None


def _value(kind: Any, value: Any, where: str) -> Any:
    if kind is NetConfig:
        return _net(value, where)
    if dataclasses.is_dataclass(kind):
        return _build(kind, value, where)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if get_origin(kind) is tuple and isinstance(value, list | tuple):
        return tuple(_value(get_args(kind)[0], v, where) for v in value)
    if get_origin(kind) is dict and isinstance(value, dict):
        return {key: _value(get_args(kind)[1], v, where) for key, v in value.items()}
    plain = get_origin(kind) or kind
    if not isinstance(value, plain) or (isinstance(value, bool) and kind is not bool):
        raise TrainingError(f"{where}: must be {plain.__name__}, not {value!r}")
    return value
