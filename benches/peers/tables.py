"""The tables that pages have between markers, each made of what was measured."""

ARRAY_PEERS = ("SciPy", "OpenCV", "ndarray-conv", "imageproc")
PICTURE_PEERS = ("OpenCV", "libblur", "image", "Pillow", "libvips")
GPU_PEERS = (
    ("CuPy", "ndimage"),
    ("CuPy", "convolve2d"),
    ("CuPy", "fftconvolve"),
    ("CuPy", "oaconvolve"),
    ("PyTorch", "conv2d"),
    ("PyTorch", "fft"),
)
INSTRUCTIONS = {"avx512": "AVX-512", "avx2": "AVX2", "sse2": "SSE2", "neon": "NEON"}
# Behind the name of a case that another library computes faster.
BEHIND = " ◂"


def milliseconds(seconds):
    return f"{seconds * 1e3:.3g}" if seconds < 1 else f"{seconds * 1e3:.0f}"


def table(head, rows):
    return [
        "| " + " | ".join(head) + " |",
        "|" + " --- |" * len(head),
        *("| " + " | ".join(cells) + " |" for cells in rows),
    ]


def measured(case, library=None, name=None):
    """Ways with times, the fastest first."""
    ways = [way for way in case["ways"] if "median" in way]
    ways = [way for way in ways if library in (None, way["library"]) and name in (None, way["name"])]
    return sorted(ways, key=lambda way: way["median"])


def fastest(case, library, name=None):
    return next(iter(measured(case, library, name)), None)


def rival(case):
    """The fastest way of another library that computes the same."""
    ways = measured(case)
    return next(
        (way for way in ways if way["library"] != "convolve" and not way.get("other_kernel")), None
    )


def is_behind(case, own):
    other = rival(case)
    return bool(own and other and other["median"] < own["median"])


def named(case, own):
    return case["name"] + (BEHIND if is_behind(case, own) else "")


def marks(cases, own):
    """What the marks mean, and how many there are."""
    compared = [case for case in cases if own(case) and rival(case)]
    behind = sum(is_behind(case, own(case)) for case in compared)
    if not behind:
        return f"No other library was faster in any of {len(compared)} rows."
    return f"In {behind} of {len(compared)} rows another library was faster: they are marked{BEHIND}."


def machine(document):
    """What it was measured on, without a full stop."""
    of = document["machine"]
    instructions = INSTRUCTIONS.get(of["instructions"], of["instructions"])
    threads = f"{of['threads']} thread{'s' if of['threads'] > 1 else ''}"
    return f"{of['cpu']}, {instructions}, {of['cores']} cores, {threads}"


def origin(document):
    """When, on what, and with which versions."""
    versions = {"convolve": document["convolve"], **document["versions"]}
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    return [f"{document['date'][:10]}, {machine(document)}, {document['machine']['os']}.", f"{listed}.", ""]


def wrong(cases):
    """What was not measured because it was wrong."""
    lines = [
        f"- {case['name']}: {way['library']} {way['name']}: {way['left_out']}"
        for case in cases
        for way in case["ways"]
        if way.get("wrong")
    ]
    return ["", "Results that were wrong, and so were not measured:", "", *lines] if lines else []


def bold(text, is_fastest):
    return f"**{text}**" if is_fastest else text


def auto(case):
    return fastest(case, "convolve", "auto")


def array_row(case):
    own = auto(case)
    forced = [way for way in measured(case, "convolve") if way["name"] != "auto"]
    if own is None:
        return [case["name"], "wrong"] + [""] * (2 + len(ARRAY_PEERS))
    best = forced[0] if forced else own
    behind, other = is_behind(case, own), rival(case)
    # Two measurements of the same method differ by noise.
    same = best["method"] == own["method"]
    cells = [
        named(case, own),
        bold(f"{milliseconds(own['median'])} {own['method']}", not behind),
        f"{milliseconds(best['median'])} {best['method']}",
        "" if same else f"{max(own['median'], best['median']) / best['median'] - 1:.0%}",
    ]
    for library in ARRAY_PEERS:
        way = fastest(case, library)
        text = way and f"{milliseconds(way['median'])} {way['name']} (x {way['median'] / own['median']:.3g})"
        cells.append(bold(text, behind and way is other) if way else "")
    return cells


def arrays(document):
    cases = document["cases"]
    head = ["case", "auto", "best", "regret", *ARRAY_PEERS]
    rows = table(head, map(array_row, cases))
    return [*origin(document), marks(cases, auto), "", *rows, *wrong(cases)]


def into(case):
    return fastest(case, "convolve", "apply_into")


def share(way):
    """Of the limit, where that is known."""
    return f"{way['limit'] / way['median']:.0%}" if "limit" in way else ""


def picture_cell(case, way, own):
    ratio = f"x {way['median'] / own['median']:.2g}"
    off = way["error"].removesuffix(" levels")
    text = f"{milliseconds(way['median'])} {way['name']} ({ratio}, {off})"
    return bold(text, is_behind(case, own) and way is rival(case))


def picture_row(case):
    own, fresh = into(case), fastest(case, "convolve", "apply")
    if own is None or fresh is None:
        return [case["name"], "wrong"] + [""] * (3 + len(PICTURE_PEERS))
    text = f"{milliseconds(own['median'])} {own['method']} ({own['error'].removesuffix(' levels')})"
    cells = [
        named(case, own),
        bold(text, not is_behind(case, own)),
        f"{milliseconds(fresh['median'])} (x {fresh['median'] / own['median']:.2g})",
        f"{case['copy'] * 1e3:.2g}",
        share(own),
    ]
    for library in PICTURE_PEERS:
        way = fastest(case, library)
        cells.append(picture_cell(case, way, own) if way else "")
    return cells


def limits(document, device="cpu"):
    """What the machine can do at most, as far as that is known."""
    parts = [
        f"{limit['name']}: {limit['value'] / 1e9:.3g} {'GB/s' if limit['unit'] == 'B/s' else 'GFMA/s'}"
        for limit in document["limits"]
        if limit["device"] == device
    ]
    return [f"The best of the run, {', '.join(parts)}.", ""] if parts else []


def pictures(document):
    cases = document["cases"]
    head = ["picture", "apply_into", "apply", "copy", "of the limit", *PICTURE_PEERS]
    rows = table(head, map(picture_row, cases))
    return [*origin(document), *limits(document), marks(cases, into), "", *rows, *wrong(cases)]


def gpu_own(case):
    return fastest(case, "convolve")


def gpu_row(case, copy, peak):
    own = gpu_own(case)
    cells = [named(case, own)] + [""] * 5
    if own:
        rate, work = case["bytes"] / own["median"], case["multiply_adds"] / own["median"]
        # A bus is no share of the device's own memory.
        shares = ["", ""] if case["group"] == "host" else [f"{rate / copy:.0%}", f"{work / peak:.0%}"]
        text = bold(milliseconds(own["median"]), not is_behind(case, own))
        cells[1:] = [text, f"{rate / 1e9:.3g}", shares[0], f"{work / 1e9:.3g}", shares[1]]
    for library, name in GPU_PEERS:
        way = fastest(case, library, name)
        ratio = f" (x {way['median'] / own['median']:.3g})" if way and own else ""
        text = milliseconds(way["median"]) + ratio if way else ""
        cells.append(bold(text, is_behind(case, own) and way is rival(case)) if way else "")
    return cells


def gpu(document):
    cases = document["cases"]
    speed = {limit["name"]: limit["value"] for limit in document["limits"] if limit["device"] == "gpu"}
    copy = max(value for name, value in speed.items() if "copy" in name)
    peak = speed["multiply-adds f32"]
    adapters = [f"{one['name']} ({one['backend']}, {one['driver']})" for one in document["devices"]]
    missing = document.get("left_out", [])
    lines = [*origin(document), f"This library on {', '.join(adapters)}.", ""]
    if missing:
        lines += ["Not compared with:", "", *(f"- {reason}" for reason in missing), ""]
    titles = [" ".join(peer) for peer in GPU_PEERS]
    head = ["case", "convolve, ms", "GB/s", "of copy", "GFMA/s", "of peak", *titles]
    rows = table(head, [gpu_row(case, copy, peak) for case in cases])
    lines += [*limits(document, "gpu"), marks(cases, gpu_own), "", *rows]
    return lines + wrong(cases)


def in_short(case, own, library):
    """A time alone; bold where nothing that computes the same is faster."""
    way = own if library == "convolve" else fastest(case, library)
    if way is None:
        return ""
    is_fastest = way is (rival(case) if is_behind(case, own) else own)
    return bold(f"{way['median'] * 1e3:.2g}" if way["median"] < 0.1 else milliseconds(way["median"]), is_fastest)


def side(case):
    return case["kernel_shape"][0]


def of_readme(document, group, sides):
    cases = {side(case): case for case in document["cases"] if case["group"] == group}
    return [cases[length] for length in sides if length in cases]


def readme_arrays(document):
    libraries = ("convolve", "OpenCV", "SciPy", "ndarray-conv", "imageproc")
    random = of_readme(document, "2d", (3, 7, 11, 15, 31, 127))
    cases = random + of_readme(document, "sep", (7, 31))
    rows = []
    for case in cases:
        name = f"{'Gauss ' if case['group'] == 'sep' else ''}{side(case)} x {side(case)}"
        name += BEHIND if is_behind(case, auto(case)) else ""
        rows.append([name, *(in_short(case, auto(case), library) for library in libraries)])
    return [
        f"{machine(document)}, {' x '.join(map(str, cases[0]['shape']))} `f32`, milliseconds, medians of one run in "
        f"which all took turns. {marks(cases, auto)}",
        "",
        *table(["kernel", *libraries], rows),
    ]


def worst(cases):
    """By how many levels ours is off at most."""
    return max(float(into(case)["error"].split()[2]) for case in cases if into(case))


def readme_pictures(document):
    by_group = {
        group: {(case["kernel"].partition(":")[0], side(case)): case for case in document["cases"] if case["group"] == group}
        for group in ("photograph", "16 bits")
    }
    eight, sixteen = by_group.values()
    rows, shown = [], []
    for key, case in eight.items():
        cells = [f"{'Gauss ' if key[0] == 'gaussian' else ''}{key[1]} x {key[1]}"]
        if key == ("full rank", 5):
            continue
        for case in (case, sixteen.get(key)):
            if case is None or into(case) is None:
                cells += [""] * 4
                continue
            own = into(case)
            shown.append(case)
            cells += [in_short(case, own, "convolve"), share(own)]
            for library in ("OpenCV", "libblur"):
                way = fastest(case, library)
                off = float(way["error"].split()[2]) if way else 0
                # Rounding alone takes half a level.
                cells.append(in_short(case, own, library) + (f" (off by {off:.2g})" if off > 0.6 else ""))
        if any(is_behind(case, into(case)) for case in (eight[key], sixteen.get(key)) if case and into(case)):
            cells[0] += BEHIND
        rows.append(cells)
    width, height = shown[0]["shape"][1], shown[0]["shape"][0]
    levels = f"{worst(eight.values()):.2g} of a level in 8 bits and {worst(sixteen.values()):.2g} in 16"
    return [
        f"Pictures of {width} x {height}, RGB, result in memory that is there, {machine(document)}, milliseconds. Ours is "
        f"off the exact sums by at most {levels}, rounding included. {marks(shown, into)}",
        "",
        *table(["kernel", "8 bits", "limit", "OpenCV", "libblur", "16 bits", "limit", "OpenCV", "libblur"], rows),
    ]


# By name: the set of cases that a table is made of, and what makes its lines.
TABLES = {
    "arrays": ("arrays", arrays),
    "pictures": ("pictures", pictures),
    "gpu": ("gpu", gpu),
    "arrays in short": ("arrays", readme_arrays),
    "pictures in short": ("pictures", readme_pictures),
}
