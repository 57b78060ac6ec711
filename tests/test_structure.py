"""The shape of the source: layers, no cycles, no long modules, every public name documented."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted([*ROOT.glob("matsense/**/*.py"), *ROOT.glob("sims/**/*.py")])


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path): path for path in MODULES}


def imports(path: Path) -> set[str]:
    """The modules of ours that a module imports at its top level or inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in NAMES else node.module)
    return {module for module in found if module in NAMES}


def test_imports_have_no_cycle() -> None:
    graph = {name: imports(path) - {name} for name, path in NAMES.items()}
    assert list(TopologicalSorter(graph).static_order())


def test_matsense_imports_nothing_of_sims_and_no_files_or_processes() -> None:
    for name, path in NAMES.items():
        if name.startswith("matsense"):
            text = path.read_text()
            assert not re.search(r"^\s*(from|import) sims\b", text, re.M), name
            assert not re.search(r"\bopen\(|\bprint\(|pathlib|subprocess|joblib", text), name


@pytest.mark.parametrize("path", [*MODULES, *sorted(ROOT.glob("tests/*.py"))], ids=str)
def test_no_module_is_above_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_every_public_definition_has_a_docstring() -> None:
    bare = []
    for name, path in NAMES.items():
        tree = ast.parse(path.read_text())
        if not ast.get_docstring(tree):
            bare.append(name)
        for node in tree.body:
            public = isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_"
            if public and not ast.get_docstring(node):
                bare.append(f"{name}.{node.name}")
    assert bare == []


def test_every_citation_has_its_entry() -> None:
    entries = set(re.findall(r"@\w+\{(\w+),", (ROOT / "matsense/references.bib").read_text()))
    cited = {
        key for path in MODULES for key in re.findall(r"\[([a-z]+\d{4}[a-z]*)\]", path.read_text())
    }
    assert cited
    assert cited <= entries


def test_readme_table_is_the_committed_verdicts() -> None:
    """Against the gallery of the last commit where there is one: a local sweep may redraw it."""
    readme = (ROOT / "README.md").read_text()
    tables = re.search(r"<!-- verdicts -->\n(.*?)<!-- end of verdicts -->", readme, re.S)
    assert tables is not None

    def committed(path: str) -> str:
        shown = subprocess.run(
            ["git", "show", f"HEAD:{path}"], cwd=ROOT, capture_output=True, text=True
        )
        return shown.stdout if shown.returncode == 0 else (ROOT / path).read_text()

    script = (
        "import sys; from pathlib import Path\n"
        "from sims.terminal.listing import markdown_table as t\n"
        "from sims.study.catalogue import available\n"
        "print(t(Path(sys.argv[1]), available()), end='')"
    )
    gallery = sorted(path.parent.name for path in ROOT.glob("figures/*/verdict.json"))
    assert gallery
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for study in gallery:
            target = Path(folder) / study / "verdict.json"
            target.parent.mkdir()
            target.write_text(committed(f"figures/{study}/verdict.json"))
        done = subprocess.run(
            [sys.executable, "-c", script, folder], cwd=ROOT, capture_output=True, text=True
        )
    assert done.stdout == tables.group(1)


@pytest.mark.parametrize("path", sorted(ROOT.glob("figures/*/*.pdf")), ids=str)
def test_figures_have_no_type_3_fonts(path: Path) -> None:
    """Submission systems refuse them."""
    assert b"/FontDescriptor" in path.read_bytes() and b"/Type3" not in path.read_bytes()


def test_nothing_refers_to_a_document_that_is_not_here() -> None:
    """What a reader needs stands in a docstring."""
    sources = [*ROOT.glob("matsense/**/*.py"), *ROOT.glob("sims/**/*.py"), *ROOT.glob("*.md")]
    assert len(sources) > 100
    word = re.compile(r"\bsheets?\b", re.I)
    assert [p for p in sources if word.search(p.read_text())] == []
