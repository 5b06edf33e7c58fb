"""config/README.md says what the schemas say, key by key and column by column."""

from pathlib import Path

import pytest
from tilt.config import messages

README = (Path(__file__).parents[3] / "config/README.md").read_text()
TITLES = {
    "config": "## The configuration",
    "cohort": "## The cohort file",
    "samples": "## The sample sheet",
    "markers": "## The marker table",
    "signatures": "## The signature table",
}


def rows(rules: dict, above: str = "") -> list[str]:
    """Lines of the table that documents a schema: key, default or example, description."""
    found = []
    for key, rule in rules.get("properties", {}).items():
        name = f"{above}{key}"
        inner = rule.get("items", {}) if rule.get("type") == "array" else rule
        text = " ".join(rule["description"].split())
        if key in rules.get("required", []):
            text = f"**Required.** {text}"
        found.append(f"| `{name}` | {_value(rule)} | {text} |")
        if "properties" in inner:
            dots = "[]." if inner is not rule else "."
            found += rows(inner, f"{name}{dots}")
    return found


def _value(rule: dict) -> str:
    if "properties" in rule:
        return ""
    if "default" in rule:
        return f"`{messages.as_yaml([], rule['default'])}`"
    return f"e.g. `{messages.as_yaml([], rule['examples'][0])}`"


@pytest.mark.parametrize("kind", list(TITLES))
def test_every_key_is_documented_as_the_schema_has_it(kind):
    section = README.split(TITLES[kind] + "\n")[1].split("\n## ")[0]
    missing = [row for row in rows(messages.schema(kind)) if row not in section.splitlines()]
    assert not missing, "config/README.md lacks or differs from:\n" + "\n".join(missing)


@pytest.mark.parametrize("kind", list(TITLES))
def test_no_key_is_documented_that_does_not_exist(kind):
    section = README.split(TITLES[kind] + "\n")[1].split("\n## ")[0]
    known = rows(messages.schema(kind))
    written = [line for line in section.splitlines() if line.startswith("| `")]
    assert set(written) <= set(known)
