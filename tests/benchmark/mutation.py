"""Single mutations of a Python file: what could be wrong in a line and still run.

Each mutation changes one expression or statement of logic. Left alone are docstrings, texts of
messages (log calls, raise, f-strings), annotations, imports, and module constants that hold text.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COMPARE = {
    ast.Lt: ("<=", ">"),
    ast.LtE: ("<", ">"),
    ast.Gt: (">=", "<"),
    ast.GtE: (">", "<"),
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
    ast.In: ("not in",),
    ast.NotIn: ("in",),
    ast.Is: ("is not",),
    ast.IsNot: ("is",),
}
BINARY = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "/",
    ast.Div: "*",
    ast.FloorDiv: "*",
    ast.Mod: "*",
    ast.Pow: "*",
    ast.BitAnd: "|",
    ast.BitOr: "&",
}
# functions and methods that are taken for one another
TWINS = {
    "min": "max",
    "max": "min",
    "minimum": "maximum",
    "maximum": "minimum",
    "sum": "mean",
    "mean": "sum",
    "median": "mean",
    "any": "all",
    "all": "any",
    "argmin": "argmax",
    "argmax": "argmin",
    "floor": "ceil",
    "ceil": "floor",
    "std": "var",
    "zeros": "ones",
    "log": "log1p",
    "log1p": "log",
    "log2": "log",
    "sf": "cdf",
    "cdf": "sf",
    "first": "last",
    "union": "intersection",
    "intersection": "union",
    "difference": "intersection",
    "isna": "notna",
    "notna": "isna",
    "ge": "gt",
    "le": "lt",
    "lower": "upper",
    "hstack": "vstack",
}
WORDS = {"left": "inner", "inner": "left", "outer": "inner", "first": "max", "two-sided": "less"}
QUIET = {"log", "logging", "logger", "warnings"}


@dataclass(frozen=True)
class Mutation:
    """``text`` in place of ``old`` at ``start`` to ``stop`` (characters) of a file."""

    file: str
    line: int
    operator: str
    start: int
    stop: int
    old: str
    text: str

    def apply(self, source: str) -> str:
        return source[: self.start] + self.text + source[self.stop :]


class _Finder(ast.NodeVisitor):
    def __init__(self, source: str, file: str):
        self.source, self.file, self.found = source, file, []
        self.offsets = [0]
        for line in source.splitlines(keepends=True):
            self.offsets.append(self.offsets[-1] + len(line))
        self.lines = source.splitlines(keepends=True)

    def at(self, line: int, column: int) -> int:
        """Character position of a line (1-based) and a column in UTF-8 bytes."""
        text = self.lines[line - 1].encode()[:column].decode()
        return self.offsets[line - 1] + len(text)

    def span(self, node: ast.AST) -> tuple[int, int]:
        return (
            self.at(node.lineno, node.col_offset),
            self.at(node.end_lineno, node.end_col_offset),
        )

    def put(self, node: ast.AST, operator: str, text: str, span=None) -> None:
        start, stop = span or self.span(node)
        old = self.source[start:stop]
        if old != text:
            line = self.source.count("\n", 0, start) + 1
            self.found.append(Mutation(self.file, line, operator, start, stop, old, text))

    def between(self, left: ast.AST, right: ast.AST, operator: str, old: str, new: str) -> None:
        """Swap the operator ``old`` between two operands (comments never stand there)."""
        start, stop = self.span(left)[1], self.span(right)[0]
        gap = self.source[start:stop]
        if gap.count(old) == 1:
            where = start + gap.index(old)
            self.put(left, operator, new, (where, where + len(old)))

    # what is left alone

    def visit_Raise(self, node):
        pass

    def visit_JoinedStr(self, node):
        pass

    def visit_AnnAssign(self, node):
        if node.value is not None:
            self.visit(node.value)

    def visit_arguments(self, node):
        for default in (*node.defaults, *node.kw_defaults):
            if default is not None:
                self.visit(default)

    def visit_FunctionDef(self, node):
        self.visit(node.args)
        self.body(node.body)

    def visit_ClassDef(self, node):
        self.body(node.body)

    def visit_Module(self, node):
        self.body(node.body)

    def body(self, statements: list) -> None:
        for statement in statements:
            value = getattr(statement, "value", None)
            text = isinstance(value, ast.Constant) and isinstance(value.value, str)
            if not (isinstance(statement, ast.Expr) and text):
                self.visit(statement)

    # what is changed

    def visit_Compare(self, node):
        operands = [node.left, *node.comparators]
        for left, op, right in zip(operands, node.ops, operands[1:], strict=False):
            for new in COMPARE.get(type(op), ()):
                self.between(left, right, "comparison", _symbol(op), new)
        self.generic_visit(node)

    def visit_BinOp(self, node):
        texts = any(
            isinstance(side, (ast.JoinedStr, ast.List, ast.Tuple))
            or (isinstance(side, ast.Constant) and isinstance(side.value, str))
            for side in (node.left, node.right)
        )
        new = BINARY.get(type(node.op))
        if new and not texts:
            self.between(node.left, node.right, "arithmetic", _symbol(node.op), new)
        self.generic_visit(node)

    def visit_AugAssign(self, node):
        new = BINARY.get(type(node.op))
        if new and not isinstance(node.value, (ast.JoinedStr, ast.List, ast.Tuple)):
            symbol = _symbol(node.op)
            self.between(node.target, node.value, "arithmetic", f"{symbol}=", f"{new}=")
            self.put(node, "statement left out", "pass")
        self.generic_visit(node)

    def visit_BoolOp(self, node):
        word, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            self.between(left, right, "and/or", word, other)
        self.generic_visit(node)

    def visit_UnaryOp(self, node):
        inner = self.source[slice(*self.span(node.operand))]
        if isinstance(node.op, (ast.Not, ast.Invert, ast.USub)):
            self.put(node, "sign or not left out", inner)
        self.generic_visit(node)

    def visit_Constant(self, node):
        value = node.value
        if isinstance(value, bool):
            self.put(node, "true/false", str(not value))
        elif isinstance(value, int):
            self.put(node, "constant", str(value + 1))
            self.put(node, "constant", f"({value - 1})" if value < 1 else str(value - 1))
        elif isinstance(value, float):
            self.put(node, "constant", repr(value * 2) if value else "1.0")
            self.put(node, "constant", repr(value / 2) if value else "-1.0")
        elif isinstance(value, str) and value in WORDS:
            self.put(node, "word", repr(WORDS[value]).replace("'", '"'))

    def visit_IfExp(self, node):
        test = self.source[slice(*self.span(node.test))]
        self.put(node.test, "branch", f"(not ({test}))")
        self.generic_visit(node)

    def visit_If(self, node):
        test = self.source[slice(*self.span(node.test))]
        if not _only_messages(node.body):
            self.put(node.test, "branch", f"not ({test})")
            self.put(node.test, "branch", f"({test}) and False")
        self.generic_visit(node)

    def visit_Call(self, node):
        name = node.func
        while isinstance(name, ast.Attribute):
            name = name.value
        if isinstance(name, ast.Name) and name.id in QUIET:
            return
        if isinstance(node.func, ast.Attribute) and node.func.attr in TWINS:
            stop = self.span(node.func)[1]
            start = stop - len(node.func.attr)
            self.put(node, "other function", TWINS[node.func.attr], (start, stop))
        elif isinstance(node.func, ast.Name) and node.func.id in ("min", "max", "any", "all"):
            self.put(node.func, "other function", TWINS[node.func.id])
        for keyword in node.keywords:
            before = self.source[: self.at(keyword.lineno, keyword.col_offset)].rstrip()
            if keyword.arg == "strict":  # of zip: an assertion
                continue
            if keyword.arg and before.endswith(","):
                span = (len(before) - 1, self.span(keyword)[1])
                self.put(keyword, "keyword left out", "", span)
        for part in (node.func, *node.args, *node.keywords):
            if getattr(part, "arg", None) != "strict":
                self.visit(part)

    def visit_Expr(self, node):
        call = node.value
        if isinstance(call, ast.Call) and not _only_messages([node]):
            self.put(node, "statement left out", "pass")
        self.generic_visit(node)

    def visit_Continue(self, node):
        self.put(node, "statement left out", "pass")

    def visit_Break(self, node):
        self.put(node, "statement left out", "pass")

    def visit_Slice(self, node):
        for edge in (node.lower, node.upper):
            if edge is not None and not isinstance(edge, ast.Constant):
                self.put(edge, "off by one", f"{self.source[slice(*self.span(edge))]} + 1")
        self.generic_visit(node)

    def visit_Return(self, node):
        if isinstance(node.value, ast.Tuple) and len(node.value.elts) == 2:
            first, second = (self.source[slice(*self.span(e))] for e in node.value.elts)
            if not any(isinstance(e, ast.Starred) for e in node.value.elts):
                text = f"{second}, {first}"
                closed = self.source[self.span(node.value)[0]] == "("
                self.put(node.value, "swapped pair", f"({text})" if closed else text)
        self.generic_visit(node)


def _symbol(op: ast.AST) -> str:
    texts = {ast.In: "in", ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not"}
    signs = {
        ast.Lt: "<",
        ast.LtE: "<=",
        ast.Gt: ">",
        ast.GtE: ">=",
        ast.Eq: "==",
        ast.NotEq: "!=",
        ast.Add: "+",
        ast.Sub: "-",
        ast.Mult: "*",
        ast.Div: "/",
        ast.FloorDiv: "//",
        ast.Mod: "%",
        ast.Pow: "**",
        ast.BitAnd: "&",
        ast.BitOr: "|",
    }
    return texts.get(type(op)) or signs[type(op)]


def _only_messages(statements: list) -> bool:
    """Whether statements do nothing but log."""
    calls = [s.value for s in statements if isinstance(s, ast.Expr)]
    if len(calls) != len(statements):
        return False
    for call in calls:
        name = call.func if isinstance(call, ast.Call) else None
        while isinstance(name, ast.Attribute):
            name = name.value
        if not (isinstance(name, ast.Name) and name.id in QUIET):
            return False
    return True


def mutations(path: Path, name: str) -> Iterator[Mutation]:
    """All mutations of a file that still compile, in the order of its lines."""
    source = path.read_text(encoding="utf-8")
    finder = _Finder(source, name)
    finder.visit(ast.parse(source))
    for mutation in sorted(finder.found, key=lambda m: (m.start, m.stop, m.text)):
        try:
            compile(mutation.apply(source), name, "exec")
        except SyntaxError:
            continue
        yield mutation


def function_at(path: Path, line: int) -> str:
    """Function (or Class.method) whose body holds a line; "" for the module itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        for one in inside:
            if isinstance(one, ast.FunctionDef) and one.body[0].lineno <= line <= one.end_lineno:
                return f"{node.name}.{one.name}" if one is not node else one.name
    return ""
