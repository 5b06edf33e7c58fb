"""Checks that a schema cannot make: between rows, between tables, between cohorts, and files."""

import os
from collections import defaultdict
from pathlib import Path

from tilt.config import covariates, designs, droplets, jobs, names, receptors, unused
from tilt.config.messages import nearest, no_column, problem, shared_files
from tilt.config.user_files import check_cells, read_table
from tilt.core import numerals
from tilt.core.text import count, few, plain
from tilt.io import layouts, places

MISSING = ("", "NA")
# No name of a sample, donor or batch; those that begin with # are what spreadsheets write.
NOBODY = {"na", "n/a", "nan", "none", "null", "unknown", "missing", "-", "--", ".", "?", "??"}
NOBODY |= {"#n/a", "#na", "#name?", "#ref!", "#value!", "#null!", "#num!", "#div/0!"}
# Public series that cannot answer the question, and why (GEO records of the two series).
REFUSED = {
    "GSE189050": "GSE189050 is refused: its cells were depleted of T cells (CD2) before sequencing",
    "GSE137029": "GSE137029 is refused: pools without donor names, of the same people as Perez "
    "2022 (cohort perez2022_cohort4)",
}


def refused(text: str) -> str:
    """Why a public series named in ``text`` cannot be used; empty when none is named."""
    return next((why for name, why in REFUSED.items() if name in text.upper()), "")


def archives(cohort: dict) -> list[str]:
    """Archives are taken apart into one folder, so their files must differ by name."""
    entries = cohort.get("retrieve")
    entries = [e for e in entries if isinstance(e, dict)] if isinstance(entries, list) else []
    if cohort.get("format") != "10x_dir" or not any(entry.get("unpack") for entry in entries):
        return []
    wrong = "the files of an archive come into one folder, format 10x_dir wants a folder a sample"
    fix = "unpack the archive by hand and take `retrieve` out; or format: triplets"
    return [problem(cohort["path"], "retrieve", wrong, fix=fix)]


def sample_sheet(cohort: dict, path: Path) -> tuple[list[dict], list[str], list[str]]:
    """Rows of the sample sheet of a cohort, its problems, and notes that stop nothing."""
    if not os.path.isfile(path):
        wrong = "the sample sheet does not exist"
        return [], [problem(cohort["path"], "samples", wrong, path)], []
    columns, as_written, found = read_table(path, "samples")
    if not columns:
        return [], found, []
    numbered = [(n, {name: plain(v) for name, v in row.items()}) for n, row in as_written]
    changed = sum(
        a[1][name] != b[1][name] for a, b in zip(as_written, numbered, strict=True) for name in a[1]
    )
    found += check_cells(path, numbered, "samples", "sample")
    unprintable = names.unprintable(path, numbered)
    found += unprintable
    found += _nameless(path, numbered)
    found += _columns(cohort, columns, path)
    found += repeats(path, numbered, "sample")
    notes = []
    if changed:
        notes = [
            f"cohort {cohort.get('name')}: {count(changed, 'cell')} of {path} with blanks or "
            "characters that are not seen: read without them"
        ]
    found += covariates.roles(cohort)
    if {"sample", "donor", "condition"} <= set(columns):
        more, told = _conditions(cohort, path, numbered)
        notes += told
        found += more + _donors(cohort, path, numbered)
        written = [(row["donor"], plain(row["donor"])) for _, row in as_written]
        found += names.alike(path, "donor", written)
        more, told = designs.visits(cohort, path, numbered)
        found, notes = found + more, notes + told
        numbered = designs.by_visit(cohort, numbered)
        more, told = covariates.numbers(cohort, path, numbered)
        found, notes = found + more, notes + told
        found += designs.exposures(cohort, path, numbered)
        more, told = designs.groups(cohort, path, numbered)
        found, notes = found + more, notes + told
    rows = [{name: "" if v == "NA" else v for name, v in row.items()} for _, row in numbered]
    typed = not unprintable and all(
        isinstance(cohort.get(k) or "", str) for k in ("folder", "file", "genes_file")
    )
    if typed and not layouts.columns_needed(cohort, columns):
        found += _same_files(cohort, path, numbered) + _raw_files(cohort, path, numbered)
        found += _fetched_files(cohort, path, numbered)
        more, told = receptors.check(cohort, path, numbered)
        found, notes = found + more + droplets.check(cohort, path, numbered), notes + told
        if not ({"simulated", "retrieve"} & set(cohort)):
            found += unused.matrices(cohort, path, numbered) + unused.copies(cohort, path, numbered)
    return rows, found, notes


def _nameless(path: Path, rows: list) -> list[str]:
    """Cells of a required column that say `missing` in words."""
    fixes = {"batch": "write the batch, or the sample's own name if it is not known"}
    found = []
    for number, row in rows:
        for column in ("sample", "donor", "batch"):
            if row.get(column, "").lower() in NOBODY:
                where = f"line {number}, column `{column}`"
                fix = fixes.get(column, f"write the name of the {column}, or take the row out")
                found.append(problem(path, where, "missing", row[column], fix=fix))
    return found


def _same_files(cohort: dict, path: Path, rows: list) -> list[str]:
    """Samples that name the same file: its cells would be counted twice."""
    one_each = cohort.get("format") in layouts.FORMATS and not cohort.get("cell_table")
    if not one_each or cohort["format"] in layouts.WHOLE_COHORT:
        return []
    named = []
    for number, row in rows:
        try:
            files = layouts.sample_files(cohort, row)
        except layouts.LayoutError:
            continue
        named.append((number, str(row.get("sample")), next(iter(files.values()))))
    fix = (
        "give each sample its own file; a library of several samples needs `cell_table`, "
        "the table of its barcodes"
    )
    return shared_files(path, named, "", "have the same file", fix)


def _columns(cohort: dict, columns: list[str], path: Path) -> list[str]:
    found = []
    for name in layouts.columns_needed(cohort, columns):
        wrong = f"column `{name}` is missing: format {cohort['format']} needs it"
        fix = f"add a column `{name}` with the files of each sample"
        found.append(problem(path, "", wrong, ", ".join(columns), fix=fix))
    for key in ("covariates", "strata", "batch", *jobs.EXPOSURES):
        wanted = cohort.get(key)
        for name in [wanted] if isinstance(wanted, str) else covariates.names(wanted):
            if name in columns or name == "batch":
                continue
            otherwise = f"add the column, or take it out of `{key}`"
            found.append(no_column(cohort["path"], key, name, columns, path, otherwise))
    return found


def repeats(path: Path, rows: list[tuple[int, dict]], column: str) -> list[str]:
    """Problems: names of a column that occur twice, upper and lower case being the same."""
    lines = defaultdict(list)
    for number, row in rows:
        if row.get(column):
            lines[row[column].lower()].append((number, row[column]))
    found = []
    for same in lines.values():
        if len(same) == 1:
            continue
        spelled = sorted({name for _, name in same})
        where = "lines " + ", ".join(str(number) for number, _ in same)
        wrong = f"{column} {spelled[0]} occurs {len(same)} times"
        if len(spelled) > 1:
            wrong = f"{' and '.join(spelled)} differ only by case (one file on some systems)"
        fix = f"give every row its own {column} name"
        found.append(problem(path, f"{where}, column `{column}`", wrong, fix=fix))
    return found


def _conditions(cohort: dict, path: Path, rows: list) -> tuple[list[str], list[str]]:
    contrast = cohort.get("contrast")
    contrast = contrast if isinstance(contrast, dict) else {}
    arms = [contrast.get(key) or "" for key in ("case", "control")]
    if not all(isinstance(arm, str) and arm for arm in arms):
        return [], []
    if arms[0] == arms[1]:
        wrong = "case and control are the same condition"
        return [problem(cohort["path"], "contrast", wrong, arms[0])], []
    wrong_rows = defaultdict(list)
    named = [*arms, *designs.conditions(cohort)]
    for number, row in rows:
        if row["condition"] and row["condition"] not in named:
            wrong_rows[row["condition"]].append(number)
    found = []
    for value, numbers in wrong_rows.items():
        near = nearest(value, named)
        fix = f"write `{near}`" if near else "correct the rows, take them out, correct `contrast`"
        fix += "" if near else f", or name the group under `contrasts` in {cohort['path']}"
        where = f"line{'s' if len(numbers) > 1 else ''} {few(numbers)}, column `condition`"
        allowed = ", ".join([f"{arms[0]} (case), {arms[1]} (control)", *named[2:]])
        wrong = "neither the case nor the control of the cohort"
        found.append(problem(path, where, wrong, value, allowed, fix))
    present = {row["condition"] for _, row in rows}
    empty = [arm for arm in arms if arm not in present]
    notes = []
    if len(empty) == 1 and not found:
        notes = [
            f"cohort {cohort.get('name')}: no donor has condition {empty[0]}: cell types and "
            "composition are made, the contrast is not possible"
        ]
    return found, notes


def _donors(cohort: dict, path: Path, rows: list) -> list[str]:
    found = []
    paired = isinstance(cohort.get("contrast"), dict) and cohort["contrast"].get("paired")
    fixed = [
        *([] if paired else ["condition"]),
        *(c for k in ("covariates", "strata") for c in covariates.names(cohort.get(k))),
        *designs.group_columns(cohort),
    ]
    for column in dict.fromkeys(fixed):
        if rows and column not in rows[0][1]:
            continue
        numeric = numerals.is_numeric([row[column] for _, row in rows])
        if column in covariates.declared(cohort) and numeric:
            continue  # averaged
        values: dict[str, dict] = defaultdict(lambda: defaultdict(list))
        for number, row in rows:
            if row["donor"] and row[column] not in MISSING:
                values[designs.who(cohort, row, column)][row[column]].append(number)
        for donor, seen in values.items():
            if len(seen) < 2:
                continue
            wrong = f"donor {donor} has {len(seen)} values of `{column}`"
            shown = "; ".join(f"{v} (line {few(n)})" for v, n in seen.items())
            fix = "the donor is the unit: a donor has one value; correct the rows"
            if column == "condition":
                fix += (
                    ", or, if every donor was measured in both conditions, write "
                    f"`contrast: {{paired: true}}` in {cohort['path']}"
                )
            found.append(problem(path, f"column `{column}`", wrong, shown, fix=fix))
    return found


def _raw_files(cohort: dict, path: Path, rows: list) -> list[str]:
    """Samples whose files are not there; nothing is asked of what tilt makes or fetches."""
    if (
        "simulated" in cohort
        or "retrieve" in cohort
        or cohort.get("format")
        not in (
            *layouts.FORMATS,
            *layouts.WHOLE_COHORT,
        )
    ):
        return []
    found, lost = [], []
    for number, row in rows:
        try:
            files = layouts.all_files(cohort, row)
        except layouts.LayoutError as error:
            if cohort["format"] in layouts.WHOLE_COHORT:
                return [problem(cohort["path"], "file", str(error))]
            found.append(problem(path, f"line {number} (sample {row.get('sample')})", str(error)))
            continue
        looked = [(file, *places.instead(Path(file))) for file in files]
        wanting = [one for one in looked if one[1]]
        if wanting:
            lost.append((number, row, [file for file, *_ in wanting], *wanting[0][1:]))
    if lost and cohort["format"] in layouts.WHOLE_COHORT:
        fix = "correct `folder` or `file`"
        wrong = "the file does not exist"
        return [*found, problem(cohort["path"], "file", wrong, lost[0][2][0], fix=fix)]
    if len(lost) == len(rows) > 1 and all(fix == places.CORRECT for *_, fix in lost):
        return [
            *found,
            problem(
                cohort["path"],
                "folder",
                f"the files of none of the {len(rows)} samples are there",
                f"{cohort.get('folder')} (first missing: {lost[0][2][0]})",
                fix="set `folder` to the folder that holds the files",
            ),
        ]
    for number, row, gone, wrong, fix in lost:
        where = f"line {number} (sample {row.get('sample')})"
        if fix == places.CORRECT:
            fix = "correct the row, fetch the file, or take the row out"
        wrong = "missing file" if wrong == places.ABSENT else wrong
        found.append(problem(path, where, wrong, "\n".join(gone), fix=fix))
    return found


def _fetched_files(cohort: dict, path: Path, rows: list) -> list[str]:
    """Files of a cohort that is fetched which would lie outside of its folder."""
    if "retrieve" not in cohort or not cohort.get("folder"):
        return []
    found = []
    fix = f"name the file as it is called in {cohort['folder']}"
    entries = cohort["retrieve"] if isinstance(cohort["retrieve"], list) else []
    entries = [entry for entry in entries if isinstance(entry, dict)]
    sources = None  # an archive may hold anything, and files of a triplet have several spellings
    several = cohort.get("format") in ("10x_dir", "triplets")
    if not several and not any(entry.get("unpack") for entry in entries):
        sources = {str(Path(cohort["folder"]) / str(entry.get("name"))) for entry in entries}
    for number, row in rows:
        try:
            files = layouts.all_files(cohort, row)
        except layouts.LayoutError as error:
            found.append(problem(path, f"line {number} (sample {row.get('sample')})", str(error)))
            continue
        for file in files:
            if not layouts.within(file, cohort["folder"]):
                wrong = "leads out of the folder that the cohort is fetched into"
            elif sources is None or file in sources or os.path.isfile(file):
                continue
            else:
                wrong = "none of the files that `retrieve` names"
            where = f"line {number} (sample {row.get('sample')})"
            found.append(problem(path, where, wrong, file, fix=fix))
    return list(dict.fromkeys(found))


def between_cohorts(cohorts: dict[str, dict]) -> tuple[list[str], list[str]]:
    """Samples or donors that occur in two cohorts of a run."""
    found, notes = [], []
    order = list(cohorts)
    for name, cohort in cohorts.items():
        for other in covariates.names(cohort.get("same_donors_as")):
            if other not in order:
                notes.append(f"cohort {name}: same_donors_as: {other} is not part of this run")
    for i, second in enumerate(order):
        two, earlier = cohorts[second], order[:i]
        alike: dict[str, list] = {"sample": [], "donor": []}  # earlier cohort, and what is shared
        for first in earlier:
            if samples := _shared(cohorts[first], two, "sample"):
                alike["sample"].append((first, samples))
            donors = _shared(cohorts[first], two, "donor")
            known = first in covariates.names(two.get("same_donors_as"))
            known |= second in covariates.names(cohorts[first].get("same_donors_as"))
            if donors and known:
                notes.append(
                    f"cohorts {first} and {second} share {len(donors)} donors: they are not "
                    "independent of each other"
                )
            elif donors:
                alike["donor"].append((first, donors))
        for column, pairs in alike.items():
            if pairs:
                names = sorted({name for _, shared in pairs for name in shared})
                others = [first for first, _ in pairs]
                where = f"cohort {few(others)}" if len(others) == 1 else f"cohorts {few(others)}"
                wrong = f"{count(len(names), column)} named as in {where}"
                fix = f"make the names differ, for instance {second}_{names[0]}"
                if column == "donor":
                    same = f"write `same_donors_as: [{', '.join(others)}]` in {two['path']}"
                    fix = f"other people: {fix}\nsame people: {same}"
                sheet = two.get("sheet", "")
                found.append(problem(sheet, f"column `{column}`", wrong, few(names), fix=fix))
    return found, notes


def _shared(one: dict, two: dict, column: str) -> list[str]:
    values = [{row.get(column, "") for row in cohort["samples"]} for cohort in (one, two)]
    return sorted((values[0] & values[1]) - {""})
