#!/usr/bin/env python3
"""Makes pages of what was measured: rewrites what stands between markers in them, and nothing else.

    python3 benches/peers/publish.py            # pages of the repository, from benches/results/*.json
    python3 benches/peers/publish.py --check    # fails where a page is not what the file gives
    python3 benches/peers/publish.py --results FOLDER    # FOLDER's files, into copies of the pages there

A page says `<!-- peers: begin TABLE -->`, where TABLE is one of those in `tables.py`, and
`<!-- peers: end -->`. Needs nothing but Python.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import tables

ROOT = Path(__file__).resolve().parent.parent.parent
RESULTS = ROOT / "benches/results"
PAGES = (
    ROOT / "README.md",
    RESULTS / "peers.md",
    RESULTS / "picture_peers.md",
    RESULTS / "gpu_peers.md",
)
# The sets of cases that tables are made of, and where these are.
FILES = {"arrays": "peers.json", "pictures": "peers.json", "gpu": "gpu_peers.json"}
BEGIN, END = "<!-- peers: begin {} -->", "<!-- peers: end -->"
MARKED = re.compile(r"<!-- peers: begin (.*?) -->\n(.*?)<!-- peers: end -->", re.DOTALL)


def arguments():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--check", action="store_true", help="write nothing, fail where a page is old")
    options.add_argument("--results", type=Path, default=RESULTS, help="where the JSON is")
    return options.parse_args()


def load(results):
    """The documents that are there, by set of cases."""
    found = {}
    for name, file in FILES.items():
        path = results / file
        if not path.is_file():
            continue
        document = json.loads(path.read_text())
        if (document.get("format"), document.get("version")) != ("convolve-bench", 1):
            sys.exit(f"{path}: expected convolve-bench, version 1")
        cases = [case for case in document["cases"] if case["set"] == name]
        if cases:
            found[name] = {**document, "cases": cases}
    return found


def published(path, page, documents):
    """A page with tables as they should be; what nothing was measured for stays as it is."""

    def table(marked):
        name = marked.group(1)
        if name not in tables.TABLES:
            known = ", ".join(tables.TABLES)
            sys.exit(f"{path}: there is no table {name!r}: expected one of {known}")
        of, lines = tables.TABLES[name]
        if of not in documents:
            return marked.group()
        body = "\n".join(lines(documents[of]))
        return f"{BEGIN.format(name)}\n{body}\n{END}"

    if page.count("<!-- peers: ") != 2 * len(MARKED.findall(page)):
        sys.exit(f"{path}: expected {BEGIN.format('TABLE')} and {END} in turns")
    return MARKED.sub(table, page)


def main():
    options = arguments()
    documents = load(options.results)
    if not documents and not options.check:
        files = " and no ".join(sorted(set(FILES.values())))
        sys.exit(f"{options.results}: no {files} here: benches/peers/run.sh measures")
    elsewhere = options.results.resolve() != RESULTS
    old = []
    for path in (path for path in PAGES if path.is_file()):
        page = path.read_text()
        wanted = published(path, page, documents)
        if elsewhere:
            (options.results / path.name).write_text(wanted)
        elif wanted != page and options.check:
            old.append(path.relative_to(ROOT))
        elif wanted != page:
            path.write_text(wanted)
    for path in old:
        print(f"{path} is not what benches/results/*.json gives: run benches/peers/publish.py", file=sys.stderr)
    sys.exit(1 if old else 0)


if __name__ == "__main__":
    main()
