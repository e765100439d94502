"""What an invocation executes of a compiled shader, and what bounds it: rough, for comparing one source with another.

Waits are `TRIP` and `NEAR` clocks each, chosen beforehand and fitted to nothing: order and direction count, factors do not."""
import glob
import math
import re
from collections import Counter

# Clocks of a round trip to memory, and to workgroup memory or a cache of constants.
TRIP, NEAR = 700, 80


def classify(line):
    """The kind of an instruction, and how many FMAs, or bytes of workgroup memory, a lane gets from it."""
    op = line.split()[0]
    if re.match(r"(v|s|ds|buffer|global|scratch|flat|image)_", op):  # AMD's
        if "dual" in op or re.match(r"v_(pk_)?(fma|fmac|mac|mad)_(legacy_)?f32", op):
            return "valu", len(re.findall(r"v_dual_fma\w+_f32", line)) if "dual" in op else 2 if "_pk_" in op else 1
        if op.startswith("ds_"):
            width = int((re.findall(r"_b(\d+)", op) or [32])[-1]) // 8 * (2 if "2" in op.split("_b")[0] else 1)
            return "lds_store" if re.search("store|write", op) else "lds", width
        if re.match(r"s_(wait|delay_alu|nop|clause|endpgm|code_end)", op):
            return "free", 0
        kinds = {"v_": "valu", "s_load": "near", "s_buffer": "near", "s_cbranch": "branch", "s_branch": "branch", "s_": "salu"}
        return next((kinds[start] for start in kinds if op.startswith(start)), "store" if "store" in op or "atomic" in op else "load"), 0
    text = re.sub(r"^@\S+\s+|//.*", "", line).split("=", 1)  # NVIDIA's, as Mesa writes them
    op = (text[-1].split() or ["nop"])[0]
    if op.startswith("ld.global") and re.search(r"\+0x1[012][0-9a-f]\]", line):
        return "near", 0  # the parameters behind the axes, from a cache
    width = int((re.findall(r"\.b(\d+)", op) or [32])[0]) // 8
    kinds = {"ffma": "valu", "ld.shared": "lds", "st.shared": "lds_store", "ld.": "load", "st.": "store", "ldc": "near",
             "tld": "load", "suld": "load", "sust": "store", "atom": "store", "red.": "store", "bra": "branch", "exit": "branch", "nop": "free"}
    kind = next((kinds[start] for start in kinds if op.startswith(start)), "salu" if text[0].startswith("u") else "valu")
    return kind, 1 if op.startswith("ffma") else width if kind.startswith("lds") else 0


def blocks(text):
    """The basic blocks, lists of (kind, amount) each, and their successors."""
    found, names, targets, waited = [], {}, [], {}
    for line in (line.split(";")[0].strip() for line in text.splitlines()):
        head = re.match(r"(BB\d+):$|block(?:\.u)? (\d+) .*->\s*\{", line)
        if head:
            names[head[1] or head[2]] = len(found)
            found, targets = found + [[]], targets + [[]]
        elif line.startswith("} ->"):
            targets[-1] = [*re.findall(r"\d+", line), None]
        elif line and found:
            kind, amount = classify(line)
            waits = {"load"} if re.match(r"s_wait.*(vmcnt|loadcnt)", line) else set()
            waits |= {"near"} if re.match(r"s_wait.*(lgkmcnt|dscnt|kmcnt)", line) else set()
            for bit, flag in enumerate(reversed((re.findall(r"wt=([01]+)", line) or [""])[0])):
                waits |= {waited.get(bit)} - {None} if flag == "1" else set()
            for bit in re.findall(r"wr:(\d)", line):
                waited[int(bit)] = {"load": "load", "lds": "near", "near": "near"}.get(kind)
            found[-1] += [("wait " + what, 0) for what in sorted(waits)] + [(kind, amount)]
            targets[-1] += re.findall(r"branch\S*\s+(BB\d+)", line) + [None] * bool(re.match(r"s_branch|s_endpgm", line))
    known = [[names[t] for t in target if t in names] for target in targets]
    return found, [k + [i + 1] * (None not in targets[i] and i + 1 < len(found)) for i, k in enumerate(known)]


def loops(following):
    """The natural loops, as sets of blocks."""
    n = len(following)
    before = [[i for i in range(n) if j in following[i]] for j in range(n)]
    dominators, changed = [{0}] + [set(range(n))] * (n - 1), True
    while changed:
        old = list(dominators)
        for j in range(1, n):
            dominators[j] = {j}.union(set.intersection(*(dominators[i] for i in before[j])) if before[j] else ())
        changed = old != dominators
    bodies = {}
    for i, head in ((i, head) for i in range(n) for head in following[i] if head in dominators[i]):
        body, stack = bodies.setdefault(head, {head}), [i]
        while stack:
            j = stack.pop()
            stack += before[j] if j not in body else []
            body.add(j)
    return list(bodies.values())


class Code:
    """A compiled shader, and which of its loops do what."""

    def __init__(self, text, is_separable):
        self.blocks, following = blocks(text)
        every = loops(following)
        innermost = [body for body in every if not any(other < body for other in every)]
        loads = [body for body in every if self.has(body, "lds_store") and self.has(body, "load")]
        self.staging = [body for body in innermost if body in loads]
        # Rows of a strip along the inner axis, in the separable shader.
        filters = [body for body in innermost if self.fmas(body) and self.has(body, "lds_store") and body not in loads]
        self.filters = filters[0] if filters else set()
        self.sums = [body for body in innermost if self.fmas(body) and not self.has(body, "lds_store")]
        self.hot = max(self.sums, key=self.fmas, default=set())
        # What is repeated for strips of rows, or for chunks of taps.
        self.repeated = min((body for body in loads if self.fmas(body)), key=len, default=set())
        self.is_separable = is_separable

    def has(self, body, kind):
        return any(k == kind for i in body for k, _ in self.blocks[i])

    def fmas(self, body):
        return sum(amount for i in body for kind, amount in self.blocks[i] if kind == "valu")

    def stores(self, body):
        return sum(kind == "lds_store" for i in body for kind, _ in self.blocks[i])


def of_two_bodies(code, about):
    """The block for rows under all outputs, where the hot loop has one for these and others for other rows, and how
    often it and these run; else None, and how often all of the loop does."""
    rows, quads = about["registers"]
    outer, inner = about["taps"]
    total = outer * (1 if code.is_separable else inner) * rows * quads * 4
    hot, one = code.hot, lambda i: code.fmas([i])
    full = max(hot, key=one, default=None)
    if full is None or not one(full) < code.fmas(hot) <= 2 * one(full):
        return None, 0, total / max(1, code.fmas(hot))
    at_once = max(1, round(one(full) / max(one(i) for i in hot if i != full) / rows))
    chunk = about["chunk"][0]
    whole = sum(max(0, min(chunk, outer - y) - rows + 1) // at_once * at_once for y in range(0, outer, chunk))
    of_full = whole / outer * total
    return full, of_full / one(full), (total - of_full) / (code.fmas(hot) - one(full))


def how_often(code, about):
    """How often an invocation of a tile inside the input executes each block."""
    (wide, high), (rows, _), (outer, inner) = about["workgroup"], about["registers"], about["taps"]
    between = rows * high + outer - 1
    chunks = math.prod(math.ceil(taps / chunk) for taps, chunk in zip(about["taps"], about["chunk"]))
    repeats = math.ceil(between / about["stage_rows"]) if code.is_separable else chunks
    looped = set().union(*code.staging, code.filters, *code.sums)
    written_out = code.stores(i for i in range(len(code.blocks)) if i not in looped)
    needed = math.ceil(about["stage_rows"] * about["pitch"] / (wide * high))
    full, of_full, of_others = of_two_bodies(code, about)

    def times(i):
        once = repeats if i in code.repeated else 1
        loop = next((body for body in code.staging if i in body), None)
        if loop is not None:
            return once * max(0, needed - written_out) / code.stores(loop)
        if i in code.filters:
            return 4 * inner * between / high / code.fmas(code.filters)
        if i == full:
            return of_full
        if i in code.hot and code.fmas([i]):
            return of_others
        if i in code.hot:
            # A staged row of the other body meets half of the rows of outputs.
            return of_others * (2 if full is not None else (outer + chunks * (rows - 1)) / outer)
        return 0 if any(i in body for body in code.sums) else once

    return [times(i) for i in range(len(code.blocks))]


def executed(text, about):
    """Instructions that an invocation of a tile inside the input executes, by kind; those of the inner loop; and the
    bytes of a load of the stage."""
    (_, high), (rows, quads), (outer, inner) = about["workgroup"], about["registers"], about["taps"]
    code = Code(text, about["shader"] == "separable")
    counts, pending = Counter(), set()
    for block, times in zip(code.blocks, how_often(code, about)):
        for kind, amount in block:
            pending |= {"load"} if kind == "load" else {"near"} if kind in ("lds", "near") else set()
            if kind.startswith("wait "):
                counts[kind] += times * (kind[5:] in pending)
                pending.discard(kind[5:])
            else:
                moved = amount if kind.startswith("lds") else 0
                counts.update({kind: times, "slots": times * (kind != "free"), "bytes": times * moved})
    taps = outer + inner * (rows * high + outer - 1) / (rows * high) if code.is_separable else inner * outer
    counts["fma"] = rows * quads * 4 * taps
    body = code.hot or code.filters
    mix = Counter(kind for i in body for kind, _ in code.blocks[i] if kind != "free" and "wait" not in kind)
    places = body or range(len(code.blocks))
    width = max((amount for i in places for kind, amount in code.blocks[i] if kind == "lds"), default=0)
    return counts, (code.fmas(body), mix["valu"], sum(mix.values())), width


def conflicts(about, width):
    """How many times an even access's clocks a load of the stage takes: 32 banks of 4 bytes."""
    (wide, _), (rows, quads) = about["workgroup"], about["registers"]
    if about["shader"] == "separable" or not width:
        return 1
    lanes = [(i // wide * rows * about["pitch"] + i % wide * quads) * 4 for i in range(128 // width)]
    return max(Counter((at + j) % 32 for at in lanes for j in range(width // 4)).values())


HEAD = ("launch|instr.|VGPR|spills|LDS B|waves a unit|loop FMA/VALU/all|conflict|loads/out|stores/out|halo|FMA/out|slots/out|"
        "FMA of slots|... and LDS|trips|bound: of bandwidth, of FMA peak").split("|")


def row(line, folder, device):
    about, numbers, (*_, peak, memory, shared, one_slot) = line["about"], line["statistics"], device
    get = lambda *keys: next((numbers[key] for key in keys if key in numbers), 0)
    subgroup, simds = numbers["Subgroup"], 4 if "vega10" in device[2].values() else 2
    waves = get("Subgroups per SIMD") * simds or get("Max warps/SM") or get("Threads") // 32 or 99
    if about["memory"]:
        waves = min(waves, int(shared / (about["memory"] / 1024 + one_slot)) * math.ceil(math.prod(about["workgroup"]) / subgroup))
    spills = sum(numbers.get(key, 0) for key in ("Spilled SGPRs", "Spilled VGPRs", "Spills to memory", "Spills"))
    cells = [line["name"], get("Instructions", "Instruction count"), get("VGPRs", "Number of GPRs", "GPRs"), spills,
             about["memory"], f"{waves} x {subgroup}"]
    files = glob.glob(f"{folder}/{line['name']}.inside.*ssembly")
    if about["shader"] == "other" or not files:
        return cells + ["-"] * (len(HEAD) - len(cells))
    counts, loop, width = executed(open(files[0]).read(), about)
    outputs, (tile_y, tile_x) = math.prod(about["registers"]) * 4, about["tile"]
    halo, factor = (tile_y + about["taps"][0] - 1) * about["pitch"] * 4 / (tile_y * tile_x), conflicts(about, width)
    # AMD's pairs of FMAs are one instruction where waves have 32 lanes; of 64, the hardware pairs halves.
    lanes = peak // 2 if peak == 128 and not one_slot and subgroup == 32 else peak
    issue = counts["slots" if one_slot else "valu"] / outputs
    fma, trips = counts["fma"] / outputs / peak, (counts["wait load"], counts["wait near"])
    clocks = {"issue": issue / lanes, "LDS": counts["bytes"] / outputs / 128 * factor, "memory": about["bytes"] / memory,
              "waits": (trips[0] * TRIP + trips[1] * (NEAR // 2 if one_slot else NEAR)) / (max(1, waves) * subgroup * outputs)}
    bound = max(clocks, key=clocks.get)
    return cells + ["/".join(map(str, loop)), factor, f"{counts['load'] / outputs:.2f}", f"{counts['store'] / outputs:.2f}",
                    f"{halo:.2f}", f"{counts['fma'] / outputs:.1f}", f"{issue:.1f}", f"{fma / clocks['issue']:.0%}",
                    f"{fma / max(clocks['issue'], clocks['LDS']):.0%}", f"{trips[0]:.0f} + {trips[1]:.0f}",
                    f"{bound}: {clocks['memory'] / clocks[bound]:.0%}, {fma / clocks[bound]:.0%}"]
