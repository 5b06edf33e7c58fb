"""No loop over a set: its order changes from one start of Python to the next, and bytes with it."""

import ast
from pathlib import Path

WORKFLOW = Path(__file__).parents[3] / "workflow"
ORDERED = ("list", "tuple", "enumerate", "next", "iter", "zip", "map")


def is_set(node: ast.AST) -> bool:
    """Whether an expression is a set by the look of it."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub | ast.BitAnd | ast.BitOr):
        return is_set(node.left) or is_set(node.right)
    called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return isinstance(node, ast.Set | ast.SetComp) or (
        called and node.func.id in ("set", "frozenset")
    )


def loops(source: str) -> list[str]:
    """Sets that are gone through in their own order."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.For):
            found += [node.iter]
        elif isinstance(node, ast.ListComp | ast.DictComp):
            found += [part.iter for part in node.generators]
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            found += node.args if name in (*ORDERED, "join") else []
    return [f"line {part.lineno}: {ast.unparse(part)}" for part in found if is_set(part)]


def test_no_loop_over_a_set():
    files = sorted(WORKFLOW.rglob("*.py"))
    assert len(files) > 200
    found = {path.name: loops(path.read_text()) for path in files}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_it_would_be_seen():
    assert loops("for a in {1, 2} - set(b): pass") == ["line 1: {1, 2} - set(b)"]
    assert loops("c = [a for a in set(b)]; d = ','.join({e for e in f})") == [
        "line 1: set(b)",
        "line 1: {e for e in f}",
    ]
    assert loops("for a in sorted(set(b)): pass") == []
