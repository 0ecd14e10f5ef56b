"""The public address of the repository, in all places that need it: `python -m docs.address https://github.com/OWNER/NAME`.

It goes into the metadata of the package, the citation and the notebook, which installs from there; the README and the
notebook get the badge that opens the notebook in Colab. Another address replaces the first one.
"""

import re
import sys
from pathlib import Path

ADDRESS = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+(?<!\.git)")
COLAB = "https://colab.research.google.com"
NOTEBOOK = "experiments/colab"
"""Without its ending: .md is what the .ipynb is made from."""


def badge(address: str) -> str:
    """The badge, in Markdown, that opens the notebook of this repository in Colab."""
    opened = address.replace("https://github.com", f"{COLAB}/github")
    return f"[![Open in Colab]({COLAB}/assets/colab-badge.svg)]({opened}/blob/main/{NOTEBOOK}.ipynb)"


def edits(address: str) -> list[tuple[str, str, str]]:
    """File, pattern, and what stands there afterwards."""
    shown = rf"\1{badge(address)}\n\n"
    title = r"(^# .+\n\n)(?:\[!\[Open in Colab.+\n\n)?"
    return [
        (
            "pyproject.toml",
            r"(?:\[project\.urls\]\n.+\n\n)?(?=\[project\.opt)",
            f'[project.urls]\nRepository = "{address}"\n\n',
        ),
        ("CITATION.cff", r"(?:repository-code: .+\n)?(?=keywords:)", f"repository-code: {address}\n"),
        ("README.md", title, shown),
        (f"{NOTEBOOK}.md", title, shown),
        (f"{NOTEBOOK}.md", r'^SOURCE = ".+"', f'SOURCE = "git+{address}"'),
    ]


def write_address(root: Path, address: str) -> None:
    """Write the address into the files of a work tree; the notebook is then to be made anew.

    Raises:
        ValueError: it is not that of a repository on GitHub, from where Colab opens notebooks.
    """
    if not ADDRESS.fullmatch(address):
        raise ValueError(f"{address!r} is not of the form https://github.com/OWNER/NAME")
    changed: dict[Path, str] = {}
    for name, pattern, text in edits(address):
        path = root / name
        changed[path], found = re.subn(
            pattern, text, changed.get(path) or path.read_text(), count=1, flags=re.MULTILINE
        )
        if not found:
            raise ValueError(f"{path} has no place for the address ({pattern})")
    for path, text in changed.items():
        path.write_text(text)


if __name__ == "__main__":
    try:
        write_address(Path(__file__).resolve().parents[1], " ".join(sys.argv[1:]))
    except ValueError as error:
        sys.exit(str(error))
    print(f"now: jupytext --to ipynb {NOTEBOOK}.md --output {NOTEBOOK}.ipynb")
