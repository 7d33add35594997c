"""The JSON Schema of scenario files, for editors and for programs that write them.

`python -m evals.schema` writes the published file; a test holds it to the models.
"""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from evals.loading import SUITES
from evals.scenario import SCHEMA_VERSION, Scenario

SCHEMA_FILE: Final = SUITES.parent / "scenario.schema.json"
_OF_DEFAULTS: Final = frozenset({"id", "title", "suite"})  # what one scenario alone can say


def scenario_schema() -> dict[str, Any]:
    """Describe a YAML file of scenarios, or one scenario alone as a line of JSONL is."""
    _, definitions = models_json_schema([(Scenario, "validation")])
    models: dict[str, Any] = definitions["$defs"]
    written = deepcopy(models["Scenario"])
    written["description"] = "One scenario of a YAML file; what it leaves out comes from `defaults`."
    written["required"] = ["id", "title"]
    shared = deepcopy(written)
    shared["description"] = "Lies under every scenario of the file: mappings merge, lists and single values replace."
    shared.pop("required")
    for name in _OF_DEFAULTS:
        shared["properties"].pop(name)
    models["WrittenScenario"], models["Defaults"] = written, shared
    models["SuiteFile"] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["suite", "scenarios"],
        "properties": {
            "suite": models["Scenario"]["properties"]["suite"],
            "defaults": {"$ref": "#/$defs/Defaults"},
            "scenarios": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/WrittenScenario"}},
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:master-ia:scenarios:{SCHEMA_VERSION}",
        "title": "Scenarios of Master IA",
        "anyOf": [{"$ref": "#/$defs/SuiteFile"}, {"$ref": "#/$defs/Scenario"}],
        "$defs": dict(sorted(models.items())),
    }


def schema_text() -> str:
    """Give the published file's text."""
    return json.dumps(scenario_schema(), ensure_ascii=False, indent=2) + "\n"


def write_schema(path: Path = SCHEMA_FILE) -> None:
    path.write_text(schema_text(), encoding="utf-8")


if __name__ == "__main__":
    write_schema()
