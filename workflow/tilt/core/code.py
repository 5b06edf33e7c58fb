"""Digest of the code that a script runs: the definitions that it reaches, and no others.

Snakemake sees edits of a script, not of the modules that it imports. A rule takes this digest as a
param, so that it runs again when something that it uses changed. Definitions are compared as
syntax trees: comments, docstrings and the layout of lines change nothing.
"""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

WORKFLOW = Path(__file__).parents[2]
ROOT_PACKAGE = "tilt"


@dataclass
class _Module:
    """What a file defines and imports, by name; and its statements that define nothing."""

    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)  # name -> module, attribute
    effects: list[ast.stmt] = field(default_factory=list)


def digest(script: str, *modules: str, without: tuple[str, ...] = ()) -> str:
    """Digest of a script and of all definitions of tilt that it reaches, direct or not.

    ``script`` is the name of a script of the workflow without its ending; ``modules`` are those
    that it loads by their names (``tilt.figures.umap``). What is reached is never too little: a
    module that is passed around as an object counts as a whole. Only modules in ``without`` count
    for nothing: a rule that uses a part of one has this part as another param.
    """
    left_out = {_file(module) for module in without}
    found = hashlib.sha256()
    for file, name in sorted(reached(WORKFLOW / "scripts" / f"{script}.py", *modules)):
        if file in left_out:
            continue
        found.update(f"{file.relative_to(WORKFLOW)}:{name}:{_text(file, name)}\n".encode())
    return found.hexdigest()[:12]


def reached(script: Path, *modules: str) -> set[tuple[Path, str]]:
    """Definitions (file, name) that a script reaches; ``""`` stands for bare statements."""
    todo = {(script, name) for name in ("", *_parsed(script).definitions)}
    todo |= {place for module in modules for place in _whole(module)}
    seen: set[tuple[Path, str]] = set()
    while todo:
        file, name = todo.pop()
        seen.add((file, name))
        todo |= set(_uses(file, name)) - seen
    return seen


@cache
def _parsed(file: Path) -> _Module:
    module = _Module()
    for statement in ast.parse(file.read_text()).body:
        for node in ast.walk(statement):  # imports inside functions count for the whole file
            if isinstance(node, ast.Import | ast.ImportFrom):
                module.imports |= _imported(node)
        names = _defined(statement)
        for name in names:
            module.definitions.setdefault(name, []).append(statement)
        if not names and not isinstance(statement, ast.Import | ast.ImportFrom):
            module.effects.append(statement)
    return module


def _defined(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return [statement.name]
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]
    return []


def _imported(node: ast.Import | ast.ImportFrom) -> dict[str, tuple[str, str]]:
    """Names that an import of tilt brings: name -> (module, attribute or "")."""
    if isinstance(node, ast.Import):
        ours = [a for a in node.names if a.name.split(".")[0] == ROOT_PACKAGE]
        return {a.asname or a.name: (a.name, "") for a in ours}
    if not node.module or node.module.split(".")[0] != ROOT_PACKAGE:
        return {}
    found = {}
    for alias in node.names:
        inner = f"{node.module}.{alias.name}"
        place = (inner, "") if _file(inner) else (node.module, alias.name)
        found[alias.asname or alias.name] = place
    return found


def _file(module: str) -> Path | None:
    """File of a module or package of tilt, or None if there is none of this name."""
    path = WORKFLOW.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return file if file.exists() else None


def _whole(module: str) -> Iterator[tuple[Path, str]]:
    file = _file(module)
    if file:
        yield from ((file, name) for name in ("", *_parsed(file).definitions))


@cache
def _uses(file: Path, name: str) -> frozenset[tuple[Path, str]]:
    """Definitions that one definition (or, for "", the bare statements) of a file names."""
    module = _parsed(file)
    found: set[tuple[Path, str]] = {(file, "")}
    for statement in module.definitions[name] if name else module.effects:
        attributes = {
            id(node.value): node.attr
            for node in ast.walk(statement)
            if isinstance(node, ast.Attribute)
        }
        for node in ast.walk(statement):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and text.startswith(f"{ROOT_PACKAGE}."):
                found |= set(_whole(text))  # a module that is imported by its name
            if not isinstance(node, ast.Name):
                continue
            if node.id in module.definitions:
                found.add((file, node.id))
            if node.id not in module.imports:
                continue
            where, attribute = module.imports[node.id]
            attribute = attribute or attributes.get(id(node), "")
            found |= _named(where, attribute)
    return frozenset(found)


def _named(module: str, attribute: str) -> set[tuple[Path, str]]:
    """A definition of a module; one that is handed on from elsewhere; or the whole module."""
    file = _file(module)
    if not file:
        return set()
    if attribute in _parsed(file).definitions:
        return {(file, attribute), (file, "")}
    if attribute in _parsed(file).imports:
        return {(file, ""), *_named(*_parsed(file).imports[attribute])}
    return set(_whole(module))


@cache
def _text(file: Path, name: str) -> str:
    """A definition as a syntax tree without docstrings."""
    module = _parsed(file)
    statements = module.definitions[name] if name else module.effects
    return "\n".join(ast.dump(_bare(statement)) for statement in statements)


def _bare(statement: ast.stmt) -> ast.stmt:
    for node in ast.walk(statement):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [part for part in body if not _is_text(part)]  # type: ignore[attr-defined]
    return ast.Pass() if _is_text(statement) else statement


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
