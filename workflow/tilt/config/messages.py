"""What is wrong with something the user wrote, in words that say how to fix it."""

import difflib
import functools
import math
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from tilt.core.text import SAFE_NAME, safe_name, visible

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

SCHEMAS = Path(__file__).parents[2] / "schemas"
LONGEST_LINE = 1000  # characters of a message
KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "keys with values",
    "null": "null",
}


def problem(
    file: str | Path, where: str, wrong: str, found: object = None, allowed: str = "", fix: str = ""
) -> str:
    """One problem as a few lines of text: file, place, what is wrong; found, allowed, fix.

    Characters that are not printed, or that control a terminal, are written as their codes.
    """
    lines = [f"{file}: {where}: {wrong}" if where else f"{file}: {wrong}"]
    for label, text in (("found", found), ("allowed", allowed), ("fix", fix)):
        if text not in (None, ""):
            first, *rest = str(text).split("\n")
            lines.append(f"    {label + ':':<9}{first}")
            lines += [f"    {'':<9}{line}" for line in rest]
    return "\n".join(visible(line, LONGEST_LINE) for line in lines)


def shared_files(
    path: str | Path, named: Iterable[tuple[int, str, str]], column: str, wrong: str, fix: str
) -> list[str]:
    """Problems: samples of a sheet that name one file, also by two links to it.

    ``named``: line, sample and file; ``column`` in which they are named, if in one.
    """
    users: dict[str, list[tuple[int, str, str]]] = {}
    for number, sample, file in named:
        users.setdefault(os.path.realpath(file), []).append((number, sample, file))
    found = []
    for same in users.values():
        if len(same) > 1:
            where = "lines " + ", ".join(str(number) for number, *_ in same)
            where += f", column `{column}`" if column else ""
            who = " and ".join(str(name) for _, name, _ in same)
            found.append(problem(path, where, f"samples {who} {wrong}", same[0][2], fix=fix))
    return found


@functools.cache
def schema(name: str) -> dict:
    """Schema ``name`` (config, cohort, samples, markers, signatures) as a dict."""
    with open(SCHEMAS / f"{name}.schema.yaml", encoding="utf-8") as handle:
        return yaml.load(handle, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The word most like ``word``, or None when nothing is near."""
    lowered = {w.lower(): w for w in words}
    longer = [w for w in lowered if len(word) > 2 and w.startswith(word.lower())]
    if longer:
        return lowered[min(longer, key=len)]
    found = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    return lowered[found[0]] if found else None


def no_column(
    file: str | Path,
    key: str,
    name: str,
    columns: Iterable[str],
    sheet: Path,
    otherwise: str = "add the column",
) -> str:
    """Problem: a key of a cohort file names no column of its sample sheet.

    ``otherwise``: the fix where no column is called nearly so.
    """
    columns = list(columns)
    near = nearest(name, columns)
    wrong = f"`{name}` is not a column of the sample sheet {sheet}"
    fix = f"write `{near}`" if near else otherwise
    return problem(file, key, wrong, name, ", ".join(columns), fix)


def as_yaml(keys: list, value: object) -> str:
    """A value at its place in a YAML file, ready to paste."""
    text = yaml.safe_dump(value, sort_keys=False, default_flow_style=True, width=10_000)
    text = text.removesuffix("...\n").strip()
    if not keys:
        return text
    *above, last = keys
    lines = [f"{'  ' * depth}{key}:" for depth, key in enumerate(above)]
    return "\n".join([*lines, f"{'  ' * len(above)}{last}: {text}"])


def validator(rules: dict) -> "Validator":
    """What checks values against a schema; ``$`` of a pattern is the end of the text.

    For Python it is also the place before a last line end, which no name may have.
    """
    from jsonschema import Draft202012Validator, ValidationError
    from jsonschema.validators import extend

    def pattern(_: object, wanted: str, value: object, __: object) -> "Iterator[ValidationError]":
        if isinstance(value, str) and not _matches(wanted, value):
            yield ValidationError(f"{value!r} does not match {wanted!r}")

    return extend(Draft202012Validator, {"pattern": pattern})(rules)


def _matches(pattern: str, text: str) -> bool:
    return bool(re.search(re.sub(r"\$$", r"\\Z", pattern), text))


def violations(value: object, rules: dict, file: str | Path, top: str = "") -> list[str]:
    """All violations of a JSON schema by nested keys and values, each as a problem."""
    found = [
        problem(
            file, ": ".join(filter(None, [top, *map(str, keys)])), "not a finite number", number
        )
        for keys, number in _endless(value)
    ]
    errors = validator(rules).iter_errors(value)
    for error in sorted(errors, key=lambda e: [str(part) for part in e.absolute_path]):
        found += _explain(error, value, file, top)
    return found


def _endless(value: object, keys: tuple = ()) -> Iterator[tuple[tuple, float]]:
    """Infinite numbers and those that are none, with the keys that lead to them."""
    if isinstance(value, float) and not math.isfinite(value):
        yield keys, value
    inner: Iterable[tuple] = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value, start=1) if isinstance(value, list) else inner
    for key, one in inner:
        yield from _endless(one, (*keys, key))


def _explain(error: "ValidationError", whole: object, file: str | Path, top: str) -> list[str]:
    path = [part for part in error.absolute_path]
    keys = [part for part in path if isinstance(part, str)]
    where = ": ".join([top, *keys] if top else keys)
    value, rules = error.instance, error.schema
    if error.validator == "additionalProperties":
        return [
            _unknown_key(
                file, where, [] if _in_list(path) else keys, key, value[key], rules["properties"]
            )
            for key in value
            if key not in rules["properties"]
        ]
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in value]
        key = next(k for k in missing if error.message.startswith(repr(k)))
        rule = rules["properties"][key]
        example = rule.get("examples", [rule.get("default", "...")])[0]
        return [
            problem(
                file,
                where,
                f"the key `{key}` is missing ({first_sentence(rule['description'])})",
                fix=as_yaml([key] if _in_list(path) else [*keys, key], example),
            )
        ]
    example = rules.get("default", rules.get("examples", [None])[0])
    fixed = _suggest(value, rules, example)
    fix = as_yaml(keys, fixed) if keys and fixed is not None and not _in_list(path) else ""
    return [
        problem(file, where, _wrong(error), _shown(value), allowed_values(rules), fix),
    ]


def _unknown_key(
    file: str | Path, where: str, keys: list, key: object, value: object, known: dict
) -> str:
    near = nearest(str(key), known)
    return problem(
        file,
        where,
        f"unknown key `{key}`" + (f"; did you mean `{near}`?" if near else ""),
        allowed=", ".join(known),
        fix=as_yaml([*keys, near], value) if near else f"remove the line `{key}: ...`",
    )


def _in_list(path: list) -> bool:
    return any(isinstance(part, int) for part in path)


def _shown(value: object) -> str:
    text = as_yaml([], value) if isinstance(value, dict | list) else repr(value)
    return {"True": "true", "False": "false", "None": "null"}.get(text, text)


def _wrong(error: "ValidationError") -> str:
    if error.validator == "type":
        if isinstance(error.instance, bool) and error.validator_value == "string":
            return "YAML reads an unquoted yes, no, on or off as true or false; put it in quotes"
        return "wrong kind of value"
    return {
        "enum": "not one of the allowed values",
        "pattern": "not written as it must be",
        "uniqueItems": "an entry occurs twice",
        "minItems": "the list is empty",
        "minLength": "the text is empty",
        "maxLength": "the text is too long",
    }.get(error.validator, "out of range")


def _suggest(value: object, rules: dict, example: object) -> object:
    """A value that would pass, as near as possible to what was written."""
    kinds = rules.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if isinstance(value, str) and value.strip().isdigit() and {"integer", "number"} & set(kinds):
        number = int(value)
        if rules.get("minimum", number) <= number <= rules.get("maximum", number):
            return number
    if "enum" in rules and isinstance(value, str):
        return nearest(value, rules["enum"]) or example or rules["enum"][0]
    if "array" in kinds and isinstance(value, str | int | float):
        return [value]
    if "array" in kinds and isinstance(value, list):
        return list(dict.fromkeys(map(str, value))) if value else example
    if "string" in kinds and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and rules.get("pattern") == SAFE_NAME.pattern:
        return safe_name(value)
    joined = " ".join(value.split()) if isinstance(value, str) and "pattern" in rules else ""
    if joined and _matches(rules["pattern"], joined):
        return joined
    return example


def allowed_values(rules: dict) -> str:
    """The values a schema allows, in words."""
    if "enum" in rules:
        return ", ".join(repr(v) if v == "" else str(v) for v in rules["enum"])
    kinds = rules.get("type", [])
    text = " or ".join(KINDS[k] for k in ([kinds] if isinstance(kinds, str) else kinds))
    bounds = [
        f"{word} {rules[key]}"
        for key, word in (
            ("minimum", "at least"),
            ("exclusiveMinimum", "above"),
            ("maximum", "at most"),
            ("exclusiveMaximum", "below"),
        )
        if key in rules
    ]
    if rules.get("pattern") == SAFE_NAME.pattern:
        bounds.append("of letters, digits, . _ and -, starting with a letter or digit")
    elif "pattern" in rules:
        bounds.append(f"like {rules['examples'][0]} ({first_sentence(rules['description'])})")
    if rules.get("minItems"):
        bounds.append("with an entry or more")
    if rules.get("uniqueItems"):
        bounds.append("without repeats")
    if rules.get("minLength"):
        bounds.append("not empty")
    if "maxLength" in rules:
        bounds.append(f"of {rules['maxLength']} characters at most")
    return " ".join([text, ", ".join(bounds)]).strip()


def first_sentence(text: str) -> str:
    """First sentence of a description, without its full stop."""
    return re.split(r"\.\s|;\s", text.strip(), maxsplit=1)[0].rstrip(".")
