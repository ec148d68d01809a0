"""The drawings of docs/architecture.md, made from the code: who imports whom, and the tables of transitions.

`python -m tests.architecture --write` draws them again; a test compares the page with the code.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import re
from collections.abc import Iterator
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "langchain_grokweb"
PAGE = ROOT / "docs" / "architecture.md"

_DRAWING = re.compile(r"<!-- drawn: (?P<name>[\w.]+) -->\n```mermaid\n(?P<text>.*?)```\n", re.DOTALL)
_LEFT_OUT = {"_version"}


def drawings() -> dict[str, str]:
    """Each drawing by its name: `imports`, and every module that has a table of transitions."""
    return {"imports": imports()} | {name: machine(name) for name in modules_with_states()}


@cache
def imports() -> str:
    """Who imports whom, package by package, as a Mermaid graph."""
    arrows = sorted({arrow for path in PACKAGE.rglob("*.py") for arrow in _arrows(path)})
    return "".join(["graph TD\n", *(f"    {importer} --> {imported}\n" for importer, imported in arrows)])


def _arrows(path: Path) -> Iterator[tuple[str, str]]:
    importer = path.relative_to(PACKAGE).with_suffix("").parts[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] != PACKAGE.name or len(parts) == 1 or importer == "__init__":
                continue
            imported = parts[1] if _is_module(parts[1]) else "__init__"
            if imported not in {importer, "__init__", *_LEFT_OUT}:
                yield importer, imported


def _is_module(name: str) -> bool:
    return (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()


def modules_with_states() -> list[str]:
    """The modules with a table of transitions at their head, such as `wire.gateway`."""
    paths = (path for path in PACKAGE.rglob("*.py") if "\nTRANSITIONS:" in path.read_text(encoding="utf-8"))
    return sorted(".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in paths)


def machine(name: str) -> str:
    """The states of a module as a Mermaid diagram."""
    module: Any = importlib.import_module(f"{PACKAGE.name}.{name}")
    labels: dict[tuple[Enum, Enum], list[str]] = {}
    for (state, step), following in module.TRANSITIONS.items():
        labels.setdefault((state, following), []).append(_label(step))
    lines = [f"[*] --> {next(iter(module.State)).name}"]
    lines += [f"{state.name} --> {following.name}: {', '.join(steps)}" for (state, following), steps in labels.items()]
    leads_on = {state for state, _ in labels}
    lines += [f"{state.name} --> [*]" for state in module.State if state not in leads_on]
    return "".join(["stateDiagram-v2\n", *(f"    {line}\n" for line in lines)])


def _label(step: Enum | str) -> str:
    return step.name.lower().replace("_", " ") if isinstance(step, Enum) else step


def drawn() -> dict[str, str]:
    """The drawings that stand on the page."""
    return {match["name"]: match["text"] for match in _DRAWING.finditer(PAGE.read_text(encoding="utf-8"))}


def write() -> None:
    """Draw those of the page again."""
    now = drawings()

    def again(match: re.Match[str]) -> str:
        return f"<!-- drawn: {match['name']} -->\n```mermaid\n{now[match['name']]}```\n"

    PAGE.write_text(_DRAWING.sub(again, PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def main() -> None:
    """Print the drawings, or write them into the page."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--write", action="store_true", help="write them into docs/architecture.md")
    if parser.parse_args().write:
        write()
    else:
        print(*drawings().values(), sep="\n")  # noqa: T201 - it is a command


if __name__ == "__main__":
    main()
