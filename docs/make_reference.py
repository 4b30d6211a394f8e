"""Writes docs/run-file.md from the models that validate a run file: `uv run python docs/make_reference.py`."""

from __future__ import annotations

import dataclasses
import re
import textwrap
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nst_core.config.run_config import RunConfig
from nst_core.config.sources import SOURCES, ImageSource
from nst_core.engine.optimiser_settings import OptimiserSettings
from nst_core.engine.recipe import Recipe
from nst_core.engine.stages import StageSettings
from nst_core.engine.terms import ContentTerm, Layers, StyleTerm
from nst_core.engine.transfer.recipe import TransferRecipe
from nst_core.recipes import load_method, load_recipe, recipe_names

PAGE = Path(__file__).parent / "run-file.md"

INTRODUCTION = """\
# Run file reference

*Made by `docs/make_reference.py` from the models that check a run file; edit those, not this page.*

A run is one YAML file. Every key has a default, except that a `folder` needs a `path`; two lines are a whole run:

```yaml
content: photographs/        # sub-folders are labels
style: paintings/            # sub-folders are artists
```

`nst run FILE` checks the file before anything starts. An unknown key is an error that suggests the nearest known one,
and all faults are told at once. Paths are relative to the folder you are in, not to the file. A key given twice is an
error that names both lines.

* **Paths**: `~`, `~user`, `$NAME` and `${NAME}` are expanded in every path of a run file, of a recipe (`weights`) and
  of the command line, `--set` included; `run.yaml` keeps the result. An unset or empty variable is an error. A file or
  folder that is really called `pay$roll` comes first, and `./~` is a name. Paths in manifests, metadata and
  annotations are data and stay as they are.
* **Words and numbers** are those of YAML 1.2: `no`, `007`, `1:30` and dates are text as they stand. Only `true`,
  `false` and `null` need quotes as names.

* **Any key on the command line**: `nst run FILE --set method.size=512 --set pairing.seed=7`. Values are YAML; quote
  what has braces.
* **Short forms**: `content: photographs/` for `{source: folder, path: photographs/}`, `style: artworks` for
  `{source: artworks}`, `pairing: grid` for `{strategy: grid}`, `method: squeezenet` for `{recipe: squeezenet}`.
* **Shipped run files** have names: `nst run demo`, and `folders`, `stylized_coco`, `stylized_imagenet` (in
  `configs/`).

What decides pictures is `content`, `style`, `pairing`, `method`, and of `output` the keys `format`, `quality` and
`size`. A run folder keeps to one method: change it, and the next run is refused with the names of the keys that
changed. `execution` may change at any time.
"""

RECIPE_KEYS = """\
Any key below may stand beside `recipe` and changes it for this run: `method.beta`, `method.style.layers`. What holds
where you are silent, the recipe's file in `configs/methods/` says; the column `default` here is for a recipe file of
your own that leaves a key out. In `layers`, weights stand by layer (`{relu3_1: 1, relu4_1: 0.5}`), and a new mapping
replaces the old one as a whole; all other sections are merged key by key. With `kind: transfer` the method is a
[transfer network](transfer.md), and has the [keys of such a recipe](#keys-of-a-transfer-recipe).
"""

EXAMPLES = {
    "top": """\
name: holiday
content: photographs/
style: paintings/
pairing: artist
method: {recipe: wavelet, size: 512}
output: {format: png}""",
    "sample": "content: sample\nstyle: {source: sample, path: /tmp/nst-samples}",
    "folder": """\
content: {source: folder, path: photographs/, min_side: 200, duplicates: drop_exact}
style: {source: folder, path: 's3://museum/paintings', exclude_licenses: [nd, unknown]}""",
    "artworks": "style: {source: artworks, images: resized, genres: [Impressionism, Cubism], download: true}",
    "coco": """\
content:
  {source: coco, split: val2017, categories: [dog, cat], smallest_side: 400, limit: 200, download: true}""",
    "pairing": """\
pairing:
  {strategy: random, styles_per_content: 2, balance: artist, artists: [Claude Monet, Paul Klee], seed: 7}""",
    "method": """\
method:
  recipe: squeezenet
  weights: squeezenet1_0.pth
  size: 384
  beta: 8
  optimiser: {history: 20}
  style: {layers: {relu1: 1, fire3: 1, fire5: 0.5}}""",
    "transfer": "method: {kind: transfer, network: magenta, size: 384, colour: content}",
    "execution": "execution: {devices: [0, 1], batch_size: 32, retries: 5, chunk_deadline: 600}",
    "output": "output: {root: 's3://results/outputs', format: png, size: original, previews: 20}",
    "train": "train: {steps: 20000, batch: 6, checkpoint_every: 500}",
}
"""A run file, or a part of one, that shows each section at work; the tests validate every one."""


def page() -> str:
    """The whole page, as it is committed."""
    schema = RunConfig.model_json_schema()
    models = schema["$defs"]
    parts = [
        INTRODUCTION,
        section("## The file", "Sections, in any order.", table(schema["properties"]), EXAMPLES["top"]),
        sources(models),
        *(model(f"## {name}", models[name.capitalize()], EXAMPLES[name]) for name in ("pairing",)),
        methods(models["Method"]),
        *(model(f"## {name}", models[name.capitalize()], EXAMPLES[name]) for name in ("execution", "output")),
        model("## train", models["Training"], EXAMPLES["train"]),
    ]
    return "\n".join(parts)


def sources(models: Mapping[str, Any]) -> str:
    """`content` and `style`: the keys that all sources share, then each source's own."""
    common = {key: value for key, value in models["SampleSource"]["properties"].items() if key in _common_keys()}
    text = (
        "Each names a source of images, with the same keys for both; more on each in [datasets.md](datasets.md). "
        f"`source` is one of {_choices(SOURCES)}. These keys are common to all:"
    )
    parts = [section("## content and style", text, table(common))]
    for name, kind in SOURCES.items():
        of_source = models[kind.__name__]
        own = {key: value for key, value in of_source["properties"].items() if key not in (*_common_keys(), "source")}
        heading, told = f"### source: {name}", str(of_source["description"])
        parts.append(section(heading, told, table(own, of_source.get("required", ())), EXAMPLES[name]))
    return "\n".join(parts)


def _common_keys() -> set[str]:
    return set(ImageSource.model_fields) - {"path"}


def methods(schema: Mapping[str, Any]) -> str:
    """The recipe's name, then the keys of a recipe and of its parts, then what the shipped ones say."""
    return "\n".join(
        [
            model("## method", schema, EXAMPLES["method"]),
            RECIPE_KEYS,
            recipe_part("Keys of a recipe", Recipe, leave_out=("name", "source", "content", "style", "optimiser")),
            recipe_part("method.content", ContentTerm),
            recipe_part("method.style", StyleTerm),
            recipe_part("method.optimiser", OptimiserSettings),
            recipe_part("Each of method.stages", StageSettings),
            recipe_part("Keys of a transfer recipe", TransferRecipe, leave_out=("name", "source", "kind"))
            + f"\nMore on each in [transfer.md](transfer.md).\n\n```yaml\n{EXAMPLES['transfer']}\n```\n",
            "### The shipped recipes\n\n" + shipped(),
        ]
    )


def model(heading: str, schema: Mapping[str, Any], example: str) -> str:
    """A section made from a pydantic model's schema."""
    return section(heading, str(schema["description"]), table(schema["properties"]), example)


def section(heading: str, text: str, rows: str, example: str = "") -> str:
    shown = f"\n```yaml\n{example}\n```\n" if example else ""
    return f"{heading}\n\n{' '.join(text.split())}\n\n{rows}{shown}"


def table(properties: Mapping[str, Any], required: Iterable[str] = ()) -> str:
    """One row per key: what it may hold, its default, what it means."""
    needed = set(required)
    rows = [
        (f"`{key}`", words(told), "**required**" if key in needed else _default(told), told["description"])
        for key, told in properties.items()
    ]
    return _markdown(rows)


def _markdown(rows: Iterable[tuple[str, str, str, str]]) -> str:
    lines = ["| key | may be | default | meaning |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(' '.join(cell.replace('|', chr(92) + '|').split()) for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def words(schema: Mapping[str, Any]) -> str:
    """What a value may be, in words, from its JSON schema."""
    if "anyOf" in schema:
        named = sorted(schema["anyOf"], key=lambda one: "enum" not in one and "const" not in one)
        null = ["`null`"] if schema.get("default") is not None and {"type": "null"} in named else []
        return " or ".join([*(words(one) for one in named if one.get("type") != "null"), *null])
    if "$ref" in schema or "oneOf" in schema:
        return "a section, below"
    if "enum" in schema or "const" in schema:
        return _choices(schema.get("enum", [schema.get("const")]))
    kind = schema.get("type")
    if kind == "array":
        return f"a list of {_plural(schema['items'])}"
    if kind == "object":
        return f"a mapping of names to {_plural(schema['additionalProperties'])}"
    if kind in ("integer", "number"):
        return ("a whole number" if kind == "integer" else "a number") + _bounds(schema)
    if kind == "boolean":
        return "true or false"
    if kind == "string":
        return "a path" if schema.get("format") == "path" else f"text{_length(schema)}"
    return "a path or URL"


def _plural(schema: Mapping[str, Any]) -> str:
    named = {"string": "names", "integer": "whole numbers", "number": "numbers", "array": "lists of names"}
    return named[schema["type"]] + (_bounds(schema) if schema["type"] in ("integer", "number") else "")


def _bounds(schema: Mapping[str, Any]) -> str:
    least, above, most = (schema.get(name) for name in ("minimum", "exclusiveMinimum", "maximum"))
    if least is not None and most is not None:
        return f" from {least} to {most}"
    if above is not None:
        return ", 1 or more" if schema["type"] == "integer" and above == 0 else f" above {above}"
    return f", {least} or more" if least is not None else ""


def _length(schema: Mapping[str, Any]) -> str:
    return f" of at most {schema['maxLength']} letters" if "maxLength" in schema else ""


def _choices(values: Iterable[object]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _default(schema: Mapping[str, Any]) -> str:
    value = schema.get("default")
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if value is None:
        return "" if "$ref" in schema or "oneOf" in schema else "none"
    return f"`{value}`"


def recipe_part(name: str, kind: type[Any], leave_out: Iterable[str] = ()) -> str:
    """The keys of a part of a recipe, from its dataclass and what its docstring says of each attribute."""
    told, hints = attributes(kind), typing.get_type_hints(kind)
    rows = [
        (f"`{field.name}`", _hint(hints[field.name]), _field_default(field), _capital(told[field.name]))
        for field in dataclasses.fields(kind)
        if field.name not in tuple(leave_out)
    ]
    return f"### {name}\n\n{_markdown(rows)}"


def attributes(kind: type[Any]) -> dict[str, str]:
    """What a docstring's section `Attributes:` says of each name."""
    text = textwrap.dedent((kind.__doc__ or "").partition("Attributes:\n")[2])
    told: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", text.strip("\n")):
        names, _, meaning = entry.partition(":")
        told |= dict.fromkeys((name.strip() for name in names.split(",")), " ".join(meaning.split()))
    return told


def _hint(hint: Any) -> str:
    if hint == Layers:
        return "layer names with weights, or a list of names"
    if hint == tuple[StyleTerm, ...]:
        return "a list of such terms"
    if hint == tuple[StageSettings, ...]:
        return "a list of stages"
    if typing.get_origin(hint) is typing.Literal:
        return _choices(typing.get_args(hint))
    given = [each for each in typing.get_args(hint) if each is not types.NoneType]
    if len(given) == 1 and len(typing.get_args(hint)) == 2 and given[0] != tuple[int, ...]:
        return _hint(given[0])
    if hint == int | tuple[int, ...]:
        return "a whole number, 1 or more, or a list of them"
    if hint == tuple[int, ...] | None:
        return "a list of whole numbers, 1 or more"
    named = {
        bool: "true or false",
        int: "a whole number, 1 or more",
        float: "a number, 0 or more",
        str: "text",
        tuple[str, ...]: "a list of names",
    }
    return named[hint]


def _field_default(field: dataclasses.Field[Any]) -> str:
    if field.default == ():
        return "none"
    if field.default is dataclasses.MISSING:
        return "**required**"
    return _default({"default": field.default})


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if text[:1].isalpha() else text


def shipped() -> str:
    """The main numbers of every shipped recipe."""
    lines = [
        "| recipe | features | start | optimiser | evaluations | size | alpha | beta |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in recipe_names("optimisation"):
        recipe = load_recipe(name)
        sizes = _listed(recipe.evaluations), _listed(recipe.scales or recipe.size)
        weights = f"{recipe.alpha:g}", f"{recipe.beta:g}"
        cells = (f"`{name}`", recipe.features, recipe.start, recipe.optimiser.name, *sizes, *weights)
        lines.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    lines += ["", "| transfer recipe | network | size | style's size |", "|---|---|---|---|"]
    for name in recipe_names("transfer"):
        found = load_method(name)
        assert isinstance(found, TransferRecipe)
        names = ", ".join(f"`{network}`" for network in found.network)
        lines.append(f"| `{name}` | {names} | {found.size} | {found.style_size or found.style_fit(found.size).size} |")
    return "\n".join(lines) + "\n"


def _listed(numbers: int | tuple[int, ...]) -> str:
    return str(numbers) if isinstance(numbers, int) else ", ".join(map(str, numbers))


if __name__ == "__main__":
    PAGE.write_text(page().rstrip("\n") + "\n", encoding="utf-8")
