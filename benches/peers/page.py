"""What the two comparisons share: options, what was compared, tables, and the end of a run."""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def parser(description):
    """The options of both."""
    options = argparse.ArgumentParser(description=description.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="small inputs, few cases and rounds")
    options.add_argument("--output", type=Path, help="write the page here as well")
    options.add_argument("--binary", type=Path, default=ROOT / "target/release/peers")
    return options


def output_of(*command, cwd=None):
    try:
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def ours(version=""):
    """This library, and the commit where there is a repository."""
    commit = output_of("git", "describe", "--always", "--dirty", cwd=ROOT)
    return " ".join(filter(None, ["convolve", version, f"({commit})" if commit else ""]))


def table(head, rows):
    return [
        "| " + " | ".join(head) + " |",
        "|" + " --- |" * len(head),
        *("| " + " | ".join(cells) + " |" for cells in rows),
    ]


def end(lines, title, wrong):
    """The lines of a page, and under a title those of what went wrong."""
    if wrong:
        lines = [*lines, "", title, "", *(f"- {what}" for what in wrong)]
    return "\n".join(lines) + "\n"


def finish(page, wrong, output):
    """Prints and writes the page; the status says whether all was right."""
    print(page)
    if output:
        output.write_text(page)
    sys.exit(1 if wrong else 0)
