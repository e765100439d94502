"""What the comparisons share: options, versions, and the end of a run that makes a page."""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


class Parser(argparse.ArgumentParser):
    def error(self, message):
        """One line, and status 2."""
        print(f"error: {message} (see --help)", file=sys.stderr)
        sys.exit(2)


def above_zero(kind):
    """Numbers above zero, of this kind."""

    def number(text):
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not 0 < value < float("inf"):
            what = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{text}: expected {what} above zero")
        return value

    return number


def parser(description):
    """The options of all of them."""
    options = Parser(description=description.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="small inputs, few cases and rounds")
    options.add_argument("--output", type=Path, help="write what was measured here")
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


def finish(page, wrong, output):
    """Prints and writes the page; the status says whether all was right."""
    print(page)
    if output:
        output.write_text(page)
    sys.exit(1 if wrong else 0)
