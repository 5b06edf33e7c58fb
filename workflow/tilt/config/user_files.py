"""Reading what users write: YAML files and tab-separated tables, from any system and editor."""

from pathlib import Path
from typing import Any

import yaml

from tilt.config.messages import nearest, problem, schema
from tilt.core.text import cells_of, few

MOST_VALUES = 100_000  # of a YAML file, with every reference followed
DEEPEST = 100  # values within values of one; the reader in C ends the process at some ten thousand
TOO_DEEP = "values are nested too deeply to be read"


def _size(value: object, known: dict[int, int]) -> int:
    """Values in a nested one; what is referred to several times counts each time."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = MOST_VALUES  # holds for a value that refers to itself
        inner = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(one, known) for one in inner)
    return known[id(value)]


def _depth(text: str) -> int:
    """How deeply values are nested in a YAML text; it is not looked at beyond what is too deep."""
    depth = deepest = 0
    for event in yaml.parse(text, _SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        deepest = max(depth, deepest)
        if deepest > DEEPEST:
            break
    return deepest


_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C, where it is built


class _Loader(_SafeLoader):
    """Safe YAML that refuses a key written twice instead of taking the last one."""


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    for i, key in enumerate(keys):
        if key in keys[:i]:
            mark = node.value[i][0].start_mark
            raise yaml.MarkedYAMLError(problem=f"key `{key}` twice", problem_mark=mark)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(path: Path) -> tuple[dict, list[str]]:
    """Content of a YAML file and its problems (unreadable, not keys with values)."""
    text, found = read_text(path)
    if found:
        return {}, found
    try:
        if _depth(text) > DEEPEST:
            return {}, [problem(path, "", TOO_DEEP)]
        content = yaml.load(text, _Loader)
        if _size(content, {}) > MOST_VALUES:
            wrong = f"more than {MOST_VALUES:,} values: references to references"
            return {}, [problem(path, "", wrong, fix="write the values out")]
    except RecursionError:
        return {}, [problem(path, "", TOO_DEEP)]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}" if mark else ""
        return {}, [problem(path, where, f"not valid YAML: {error.problem}")]
    except (yaml.YAMLError, ValueError) as error:  # of a date that is none, of endless numbers
        return {}, [problem(path, "", f"not valid YAML: {error}")]
    if not isinstance(content, dict):
        return {}, [problem(path, "", "must be keys with values, such as `name: my_cohort`")]
    return content, []


def read_text(path: Path) -> tuple[str, list[str]]:
    """Text of a UTF-8 file (byte-order mark and Windows line ends removed) and its problems."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        return "", [
            problem(path, "", "not UTF-8 text", fix="save it as UTF-8, tab-separated, plain text")
        ]
    except OSError as error:
        return "", [problem(path, "", f"cannot be read ({error.strerror})")]
    return text.replace("\r\n", "\n").replace("\r", "\n"), []


def read_table(path: Path, kind: str) -> tuple[list[str], list[tuple[int, dict]], list[str]]:
    """Columns, rows with their line numbers, and problems of a TSV of schema ``kind``.

    Blank lines are passed over, cells are stripped. Problems: no header, commas for tabs, missing
    or unknown or repeated columns, rows longer than the header.
    """
    text, found = read_text(path)
    lines, unclosed = [], []
    for i, line in enumerate(text.split("\n") if text.strip() else (), start=1):
        try:
            lines.append((i, [cell.strip() for cell in cells_of(line, "\t")]))
        except ValueError as error:
            fix = "close the quote, or take it out"
            unclosed.append(problem(path, f"line {i}", str(error), line.strip(), fix=fix))
    if unclosed:
        return [], [], [*found, *unclosed]
    lines = [(i, line) for i, line in lines if any(line)]
    if found or not lines:
        return [], [], found or [problem(path, "", "the table is empty", fix=_header(kind))]
    header = lines[0][1]
    while header and not header[-1]:
        header.pop()
    rules = schema(kind)
    if len(header) == 1 and set(",; ") & set(header[0]):
        wrong = "columns are separated by commas, semicolons or spaces, not by tabs"
        fix = "save the table as tab-separated text (TSV)"
        return [], [], [problem(path, "line 1", wrong, header[0], fix=fix)]
    known = rules["properties"]
    missing = [name for name in rules["required"] if name not in header]
    unknown = [name for name in header if name not in known]
    for name in missing:
        near = nearest(name, unknown)
        fix = f"rename column `{near}` to `{name}`" if near else f"add a column `{name}`"
        about = known[name]["description"].split(". ")[0].rstrip(".")
        found.append(
            problem(path, "", f"column `{name}` is missing ({about})", ", ".join(header), fix=fix)
        )
    if rules["additionalProperties"] is False:
        for name in unknown:
            near = nearest(name, set(known) - set(header))
            fix = f"rename it to `{near}`" if near else "remove it, or move its text to `note`"
            found.append(
                problem(path, "", f"unknown column `{name}`", allowed=", ".join(known), fix=fix)
            )
    for name in sorted({name for name in header if name and header.count(name) > 1}):
        found.append(problem(path, "", f"column `{name}` occurs {header.count(name)} times"))
    rows = []
    for number, cells in lines[1:]:
        if len([cell for cell in cells[len(header) :] if cell]):
            wrong = f"{len(cells)} cells for {len(header)} columns"
            found.append(problem(path, f"line {number}", wrong, "  ".join(cells)))
        cells = cells + [""] * (len(header) - len(cells))
        nameless = [c for name, c in zip(header, cells, strict=False) if c and not name]
        if nameless:
            wrong = "a cell of a column that has no name"
            fix = "name the column in line 1, or take it out"
            found.append(problem(path, f"line {number}", wrong, few(nameless), fix=fix))
        rows.append((number, dict(zip(header, cells, strict=False))))
    if not rows:
        found.append(problem(path, "", "the table has a header but no rows"))
    return header, rows, found


def check_cells(path: Path, rows: list[tuple[int, dict]], kind: str, key: str) -> list[str]:
    """Problems of the cells of a table against its schema; ``key`` names the row in messages."""
    from tilt.config.messages import allowed_values, validator
    from tilt.core.text import SAFE_NAME, safe_name

    rules = schema(kind)["properties"]
    checks = {name: validator(rule) for name, rule in rules.items()}
    found = []
    for number, row in rows:
        for name, value in row.items():
            if name not in checks or checks[name].is_valid(value):
                continue
            who = f" ({key} {row[key]})" if row.get(key) and name != key else ""
            fix = ""
            if value and rules[name].get("pattern") == SAFE_NAME.pattern:
                fix = safe_name(value)
            elif value and "enum" in rules[name]:
                fix = nearest(value, [v for v in rules[name]["enum"] if v]) or ""
            found.append(
                problem(
                    path,
                    f"line {number}{who}, column `{name}`",
                    "empty" if not value else "not an allowed value",
                    value,
                    allowed_values(rules[name]),
                    fix,
                )
            )
    return found


def _header(kind: str) -> str:
    names = schema(kind)["required"]
    return f"start it with a line of tab-separated column names: {' '.join(names)}"
