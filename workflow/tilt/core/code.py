"""Digest of the code that a script runs: the definitions that it reaches, and no others.

Snakemake sees edits of a script, not of the modules that it imports. A rule takes this digest as a
param, so that it runs again when something that it uses changed. Definitions are compared as
syntax trees: comments, docstrings and the layout of lines change nothing, nor does the version of
Python. What a file holds is kept beside Python's own compiled files, by the SHA-256 of the file:
every start of Snakemake, also in a job of a cluster, needs the digests of all rules, and the trees
of 170 files take 3 processor seconds.
"""

import ast
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

WORKFLOW = Path(__file__).parents[2]
ROOT_PACKAGE = "tilt"
KEPT = Path(__file__).parent / "__pycache__/digests.json"  # no matter if it cannot be written


class _Module:
    """What a file defines and imports, by name.

    ``definitions``: of each name, and of "" for the statements that define nothing, the digest of
    its statements and what they name: names, each with the attribute that follows ("" for none),
    and modules in texts. ``imports``: name -> module, attribute.
    """

    def __init__(self, definitions: dict[str, list], imports: dict[str, list[str]]):
        self.definitions, self.imports = definitions, imports


def digest(script: str, *modules: str, without: tuple[str, ...] = ()) -> str:
    """Digest of a script and of all definitions of tilt that it reaches, direct or not.

    ``script`` is the name of a script of the workflow without its ending; ``modules`` are those
    that it loads by their names (``tilt.figures.umap``). What is reached is never too little: a
    module that is passed around as an object counts as a whole. Only modules in ``without`` count
    for nothing: a rule that uses a part of one has this part as another param.
    """
    left_out = {_file(module) for module in without}
    found = hashlib.sha256()
    for file, name in sorted(reached(f"scripts/{script}.py", *modules)):
        if file not in left_out:
            found.update(f"{file}:{name}:{_module(file).definitions[name][0]}\n".encode())
    return found.hexdigest()[:12]


def reached(script: str, *modules: str) -> set[tuple[str, str]]:
    """Definitions (file below the workflow's folder, name) that a script reaches."""
    todo = {(script, name) for name in _module(script).definitions}
    todo |= {place for module in modules for place in _whole(module)}
    seen: set[tuple[str, str]] = set()
    while todo:
        place = todo.pop()
        seen.add(place)
        todo |= _uses(*place) - seen
    return seen


def forget() -> None:
    """Read files anew when they are asked for next."""
    for kept in (_module, _uses, _file, _kept):
        kept.cache_clear()


@cache
def _module(file: str) -> _Module:
    source = (WORKFLOW / file).read_bytes()
    sha256 = hashlib.sha256(source).hexdigest()
    kept = _kept()
    if kept.get(file, [""])[0] != sha256:
        kept[file] = [sha256, *_parsed(source)]
        _new.append(file)
    return _Module(*kept[file][1:])


_new: list[str] = []  # files that were parsed since what is kept was written


@cache
def _kept() -> dict[str, list]:
    """SHA-256, definitions and imports of files as found before by this version of this file."""
    with suppress(OSError, ValueError):
        version, found = json.loads(KEPT.read_bytes())
        if version == _version():
            return found
    return {}


def keep() -> None:
    """Keep what was found of files, if any is new; once, when all digests are made.

    The folder may be absent: of a Python that was told to write no compiled files.
    """
    if not _new:
        return
    part = KEPT.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        KEPT.parent.mkdir(exist_ok=True)
        part.write_text(json.dumps([_version(), _kept()]))
        part.replace(KEPT)
    _new.clear()


@cache
def _version() -> str:
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


def _parsed(source: bytes) -> list[dict]:
    definitions: dict[str, list] = {"": []}
    imports: dict[str, list[str]] = {}
    for statement in ast.parse(source).body:
        words: list[str] = []
        uses: set[tuple[str, str]] = set()
        if not _is_text(statement):
            _scan(statement, words, uses, imports)
        names = _defined(statement)
        if not names and isinstance(statement, ast.Import | ast.ImportFrom):
            continue
        for name in names or [""]:
            definitions.setdefault(name, []).append((words, uses))
    return [{name: _summary(parts) for name, parts in definitions.items()}, imports]


def _summary(parts: Iterable[tuple[list[str], set]]) -> list:
    text = "\n".join(" ".join(words) for words, _ in parts)
    uses = sorted(set().union(*(uses for _, uses in parts)))
    return [hashlib.sha256(text.encode()).hexdigest(), uses]


def _scan(node: ast.AST, words: list[str], uses: set, imports: dict[str, list[str]]) -> None:
    """Write a syntax tree to ``words``, without docstrings, and what it names to ``uses``.

    Imports inside functions count for the whole file.
    """
    if isinstance(node, ast.Import | ast.ImportFrom):
        imports |= _imported(node)
    elif isinstance(node, ast.Name):
        uses.add((node.id, ""))
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        uses.add((node.value.id, node.attr))
        words.append(f"{node.value.id}.{node.attr}")
        return
    elif isinstance(node, ast.Constant) and str(node.value).startswith(f"{ROOT_PACKAGE}."):
        uses.add(("", str(node.value)))  # a module that is imported by its name
    words.append(f"{type(node).__name__}(")
    for field in node._fields:
        value = getattr(node, field, None)
        if value is None or value == [] or isinstance(value, ast.expr_context):
            continue
        words.append(f"{field}=")
        several = isinstance(value, list)
        for part in value if several else [value]:
            if not isinstance(part, ast.AST):
                words.append(repr(part))
            elif not (field == "body" and several and _is_text(part)):
                _scan(part, words, uses, imports)
    words.append(")")


def _is_text(statement: ast.AST) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _defined(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return [statement.name]
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]
    return []


def _imported(node: ast.Import | ast.ImportFrom) -> dict[str, list[str]]:
    """Names that an import of tilt brings: name -> module, attribute or ""."""
    if isinstance(node, ast.Import):
        ours = [a for a in node.names if a.name.split(".")[0] == ROOT_PACKAGE]
        return {a.asname or a.name: [a.name, ""] for a in ours}
    if not node.module or node.module.split(".")[0] != ROOT_PACKAGE:
        return {}
    return {alias.asname or alias.name: [node.module, alias.name] for alias in node.names}


@cache
def _file(module: str) -> str:
    """File of a module or package of tilt below the workflow's folder, "" without any."""
    path = module.replace(".", "/")
    for file in (f"{path}/__init__.py", f"{path}.py"):
        if (WORKFLOW / file).exists():
            return file
    return ""


def _whole(module: str) -> Iterator[tuple[str, str]]:
    file = _file(module)
    if file:
        yield from ((file, name) for name in _module(file).definitions)


@cache
def _uses(file: str, name: str) -> frozenset[tuple[str, str]]:
    """Definitions that one definition of a file (or its bare statements, "") names."""
    module = _module(file)
    found: set[tuple[str, str]] = {(file, "")}
    for named, attribute in module.definitions[name][1]:
        if not named:
            found |= set(_whole(attribute))
        if named in module.definitions:
            found.add((file, named))
        if named in module.imports:
            source, brought = module.imports[named]
            found |= _named(source, brought, attribute)
    return frozenset(found)


def _named(module: str, brought: str, attribute: str) -> set[tuple[str, str]]:
    """A definition of a module; one that is handed on from elsewhere; or the whole module.

    ``brought`` is what was imported from the module, which may be a module, too.
    """
    if _file(f"{module}.{brought}"):
        module, brought = f"{module}.{brought}", ""
    brought = brought or attribute
    file = _file(module)
    if not file:
        return set()
    if brought and brought in _module(file).definitions:
        return {(file, brought), (file, "")}
    if brought in _module(file).imports:
        source, name = _module(file).imports[brought]
        return {(file, ""), *_named(source, name, "")}
    return set(_whole(module))
