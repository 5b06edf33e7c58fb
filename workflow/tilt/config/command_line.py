"""Settings given in braces on the command line, ``--config 'qc={max_pct_mito: 15}'``.

Snakemake reads everything in braces as text. Where the schema wants a number, true or false, or
null, the text is read as YAML would read it in a file; text that is none stays and is told.
"""

import copy

import yaml


def typed(config: dict, given: dict, rules: dict) -> dict:
    """``config`` in which the values that were ``given`` on the command line have their kinds."""
    result = copy.deepcopy(config)
    for key, value in given.items() if isinstance(given, dict) else ():
        if key not in result:
            continue
        rule = rules.get("properties", {}).get(key, {})
        if isinstance(value, dict) and isinstance(result[key], dict):
            result[key] = typed(result[key], value, rule)
        else:
            result[key] = _value(result[key], rule)
    return result


def _value(value: object, rule: dict) -> object:
    """A value, or each of a list, of the kind that its schema asks for."""
    if isinstance(value, list):
        return [_value(one, rule.get("items", {})) for one in value]
    if isinstance(value, dict):
        return typed(value, value, rule)
    kinds = rule.get("type", "string")
    if not isinstance(value, str) or "string" in ([kinds] if isinstance(kinds, str) else kinds):
        return value
    try:
        found = yaml.safe_load(value)
    except yaml.YAMLError:
        return value
    return value if isinstance(found, dict | list) else found
