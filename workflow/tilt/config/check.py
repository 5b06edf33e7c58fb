"""Everything the user writes, read and checked at once, before any work.

:func:`check` resolves the configuration, the cohort files and their sample sheets, and the marker
and signature tables, and returns plain dicts together with *all* problems found. Imported at
every start of the workflow: no numerical library here.
"""

import copy
import os
from pathlib import Path
from typing import Any

from tilt.config import alike, command_line, contradictions, disk, gene_files, resources, unused
from tilt.config import cohorts as checks
from tilt.config.messages import problem, schema, violations
from tilt.config.names import control_characters, shown
from tilt.config.user_files import read_yaml

LONGEST = 1000  # characters of a path
PICKLE = b"\x80"  # first byte of every pickle since protocol 2
RESERVED = ("across", "figures", "meta", "report", "tables")


def check(
    config: dict, roots: list[Path], source: str = "config", given: dict | None = None
) -> tuple[dict, list[str]]:
    """Resolve and check a configuration.

    ``config`` as written (YAML content); ``roots`` folders in which relative paths are looked up,
    the first that has the file wins; ``source`` the name of the configuration in messages;
    ``given`` the part that came from the command line.

    Returns ``(settings, problems)``. Settings::

        config   the configuration with every default filled in; resources as paths (str)
        cohorts  name -> cohort file with defaults, resolved paths, the settings that it may
                 change (`qc`, `imbalance`) as they hold for it, its own path in `path`, and
                 `samples` = rows of the sheet as dicts of text (missing = ""), `sheet` = its path,
                 `sheet_order` = names of its samples as they stand there. Cohorts and samples
                 are in the order of their names: no result hangs on how they were listed
        notes    things worth knowing that stop nothing (list of str)

    Problems are texts; an empty list means that the run can start.
    """
    roots = [Path(root) for root in roots]
    rules = schema("config")
    if given and isinstance(config, dict):
        config = command_line.typed(config, given, rules)
    problems = violations(config, rules, source)
    sound = not problems
    problems += disk.place(roots[0])
    settings = filled(whole(config, rules) if isinstance(config, dict) else {}, rules)
    if isinstance(settings.get("downloads"), str):
        settings["downloads"] = os.path.expandvars(os.path.expanduser(settings["downloads"]))
    problems += _model(settings, roots, source)
    names = settings.get("cohorts")
    names = [n for n in names if isinstance(n, str)] if isinstance(names, list) else []
    notes = disk.clock(roots[0])
    cohorts: dict[str, dict] = {}
    for name in names:
        refusal = checks.refused(name)
        if refusal:
            problems.append(problem(source, "cohorts", refusal, name, fix=f"take {name} out"))
            continue
        path, found = _cohort_file(name, roots, source)
        problems += found
        if path is None:
            continue
        cohort, found, told = load_cohort(path, roots, settings)
        problems += found
        notes += told
        called = cohort.get("name")
        if not isinstance(called, str):
            continue  # told
        if called in cohorts:
            wrong = f"two cohorts are named {called} (the other is {cohorts[called]['path']})"
            problems.append(problem(path, "name", wrong, fix="give each cohort its own name"))
        elif called:
            cohorts[called] = cohort
    found, told = checks.between_cohorts(cohorts)
    problems += found
    notes += told
    broken_tables = _resources(settings, roots, source)
    problems += broken_tables
    if sound:
        problems += contradictions.of_config(settings, source)
    if sound and not broken_tables:
        problems += resources.names_used(settings, source)
        for cohort in cohorts.values():
            problems += resources.label_map(cohort, settings["resources"])
    return {
        "config": settings,
        "cohorts": dict(sorted(cohorts.items())),
        "notes": notes,
    }, alike.collapsed(problems)


def load_cohort(path: Path, roots: list[Path], settings: dict) -> tuple[dict, list[str], list[str]]:
    """A cohort file with its sample sheet: the cohort, its problems, and notes.

    ``settings`` is the configuration with defaults (qc and downloads are used).
    """
    content, problems = read_yaml(path)
    if problems:
        return {}, problems, []
    rules = copy.deepcopy(schema("cohort"))
    rules["properties"]["qc"] |= {
        key: schema("config")["properties"]["qc"][key]
        for key in ("additionalProperties", "properties")
    }
    problems += violations(content, rules, path) + control_characters(path, content)
    content = whole(content, rules)
    sound = not problems
    refusal = checks.refused(str(content))
    if refusal:
        problems.append(problem(path, "", refusal, fix="leave this cohort out"))
    cohort = filled(_mappings(content, rules), schema("cohort"))
    qc = cohort.get("qc")
    overrides = qc if isinstance(qc, dict) else {}
    told: list[str] = []
    cohort |= {"path": str(path), "qc": merged(settings["qc"], overrides)}
    if isinstance(settings["imbalance"], dict):
        cohort["imbalance"] = merged(settings["imbalance"], _own_poles(cohort))
    name = cohort.get("name")
    if isinstance(name, str) and name != path.stem:
        told.append(f"cohort {name}: its file is called {path.name}; results are under {name}")
    if isinstance(name, str) and name.lower() in RESERVED:
        wrong = "this name is used for folders of the results"
        problems.append(problem(path, "name", wrong, name, fix=f"name: {name}_cohort"))
    problems += checks.archives(cohort)
    if sound:
        problems += contradictions.of_cohort(cohort, own_qc=bool(overrides))
    fetched = "retrieve" in cohort and isinstance(cohort.get("folder"), str)
    if fetched:
        problems += contradictions.of_links(cohort["folder"], settings["downloads"], str(path))
        cohort["folder"] = str(Path(settings["downloads"]) / cohort["folder"])
    # Fetched and simulated files are the run's own; those of another run are not looked for.
    own = fetched or "simulated" in cohort
    for key in ("simulated", "samples", *(() if own else ("folder",))):
        if isinstance(cohort.get(key), str):
            cohort[key] = find(cohort[key], roots)
    if "celltypist_model" in cohort:
        problems += _model(cohort, roots, str(path))
    elif settings.get("celltypist_model"):
        cohort["celltypist_model"] = settings["celltypist_model"]
    sheet = cohort.pop("samples", None)
    cohort["samples"] = []
    notes: list[str] = []
    if isinstance(sheet, str):
        cohort["sheet"] = sheet
        rows, found, notes = checks.sample_sheet(cohort, Path(sheet))
        cohort["sheet_order"] = [row.get("sample", "") for row in rows]
        cohort["samples"] = sorted(rows, key=lambda row: row.get("sample", ""))
        problems += found
    if sound:
        problems += contradictions.of_pairs(cohort)
        told += unused.notes(cohort, content, settings)
        problems += contradictions.of_simulated(cohort)
    return cohort, problems, told + notes


def defaults() -> dict:
    """The configuration of a user who sets nothing: every default, without cohorts."""
    return filled({}, schema("config"))


def _mappings(content: dict, rules: dict) -> dict:
    """``content`` without what should be keys with values and is not, which has been told."""
    known = rules["properties"]
    return {
        key: value
        for key, value in content.items()
        if isinstance(value, dict) or known.get(key, {}).get("type") != "object"
    }


def _own_poles(cohort: dict) -> dict:
    """Poles of the imbalance that a cohort of published counts names by its own columns."""
    own = cohort.get("composition")
    own = own.get("poles") if isinstance(own, dict) else None
    return {"poles": own} if isinstance(own, dict) else {}


def filled(value: dict, rules: dict) -> dict:
    """A copy of ``value`` in which every missing key has its default from the schema."""
    result = copy.deepcopy(value)
    for key, rule in rules.get("properties", {}).items():
        if key not in result and "default" in rule:
            result[key] = copy.deepcopy(rule["default"])
        if isinstance(result.get(key), dict) and "properties" in rule:
            result[key] = filled(result[key], rule)
    return result


def whole(value: Any, rules: dict) -> Any:
    """``value`` with 1000.0 as 1000 where the schema wants a whole number, as random seeds do."""
    if isinstance(value, dict):
        inner = rules.get("properties", {})
        return {key: whole(one, inner.get(key, {})) for key, one in value.items()}
    if isinstance(value, float) and value.is_integer() and "integer" in rules.get("type", ()):
        return int(value)
    return value


def merged(base: dict, over: dict) -> dict:
    """``base`` with the keys of ``over`` in their place, at every depth."""
    result = copy.deepcopy(base)
    for key, value in over.items():
        deep = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if deep else copy.deepcopy(value)
    return result


def find(path: str, roots: list[Path]) -> str:
    """``path`` in the first root that has it, else in the first root.

    Paths under the current folder stay relative to it.
    """
    here = Path.cwd()
    places = [root / path for root in roots] if not Path(path).is_absolute() else [Path(path)]
    place = next((p for p in places if os.path.exists(p)), places[0])
    return str(place.relative_to(here) if place.is_relative_to(here) else place)


def report(problems: list[str]) -> str:
    """All problems as one text for the user."""
    many = f"{len(problems)} problems" if len(problems) > 1 else "one problem"
    body = "\n\n".join(f"{i}. {text}" for i, text in enumerate(problems, start=1))
    return f"tilt cannot start: {many} in what you wrote.\n\n{body}\n"


def _cohort_file(name: str, roots: list[Path], source: str) -> tuple[Path | None, list[str]]:
    is_path = name.endswith((".yaml", ".yml"))
    if len(name) > LONGEST or "\0" in name:
        wrong = "no name of a cohort, nor the path of a cohort file"
        return None, [problem(source, "cohorts", wrong, shown(name))]
    path = Path(find(name if is_path else f"config/cohorts/{name}.yaml", roots))
    if os.path.isfile(path):
        return path, []
    known = sorted({p.stem for root in roots for p in (root / "config/cohorts").glob("*.yaml")})
    return None, [
        problem(
            source,
            "cohorts",
            f"there is no cohort file {path}" if is_path else f"no cohort is named {name}",
            name,
            ", ".join([*known, "or the path of a cohort file"]),
            f"write the file {path}, or choose a cohort that exists",
        )
    ]


def _model(settings: dict, roots: list[Path], source: str) -> list[str]:
    """Resolve the model file of a configuration or cohort file, and say when it is not there."""
    given = settings.get("celltypist_model")
    if not isinstance(given, str) or not given:
        return []
    path = find(os.path.expandvars(os.path.expanduser(given)), roots)
    settings["celltypist_model"] = path
    if not os.path.isfile(path):
        wrong = "the model file does not exist"
    elif not _starts_with(Path(path), PICKLE):
        wrong = "the file is no pickle, as models of CellTypist are"
    else:
        return []
    fix = "name a .pkl file that you have, or take it out"
    return [problem(source, "celltypist_model", wrong, given, fix=fix)]


def _starts_with(path: Path, mark: bytes) -> bool:
    """Whether the first bytes of a file are these; a file that cannot be read is told later."""
    try:
        with open(path, "rb") as handle:
            return handle.read(len(mark)) == mark
    except OSError:
        return True


def _resources(settings: dict, roots: list[Path], source: str) -> list[str]:
    problems = []
    stats = settings.get("stats")
    stats = stats if isinstance(stats, dict) else {}
    for key in ("regulon", "perturbations"):
        if not isinstance(stats.get(key), str) or not stats[key]:
            continue
        stats[key] = find(stats[key], roots)
        if os.path.isfile(stats[key]):
            problems += gene_files.check(Path(stats[key]), key)
        else:
            wrong = "the file does not exist"
            problems.append(problem(source, f"stats: {key}", wrong, stats[key]))
    tables = settings.get("resources")
    if not isinstance(tables, dict):
        return problems
    for key, path in tables.items():
        if key not in schema("config")["properties"]["resources"]["properties"]:
            continue
        if not isinstance(path, str):
            continue
        tables[key] = find(path, roots)
        if not os.path.isfile(tables[key]):
            wrong = "the file does not exist"
            problems.append(problem(source, f"resources: {key}", wrong, tables[key]))
        elif key == "markers":
            problems += resources.markers(Path(tables[key]))
        elif key == "signatures":
            problems += resources.signatures(Path(tables[key]))
        elif key in gene_files.COLUMNS:
            problems += gene_files.check(Path(tables[key]), key)
    return problems
