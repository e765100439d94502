// Outputs that are doubted.

// Every so many-th bit of a word, `shares` being a power of two.
fn share_of(own: u32, shares: u32) -> u32 {
    let period = select((1u << shares) - 1u, 0xffffffffu, shares == 32u);
    return (0xffffffffu / period) << own;
}

// An output of a transform that is doubted.
struct Doubt {
    block: Block,
    // Which of its blocks that is.
    part: u32,
    y: u32,
    x: u32,
}

// The output of a bit of what an invocation of the pass before has left.
fn doubt_of(transform: u32, output: u32, row: u32, t: u32, bit: u32) -> Doubt {
    let held = bit / PACKED;
    let part = bit % PACKED;
    let block = block_at(PACKED * transform + part, 0u, output);
    let y = output_y(block, row + held_y(t, held));
    return Doubt(block, part, y, output_x(block, held_x(t, held)));
}

// The samples of the extended input under its first tap.
fn start_of(doubt: Doubt) -> vec2<i32> {
    let outer = params.axes[params.rank - 2u];
    let inner = params.axes[params.rank - 1u];
    return vec2<i32>(
        doubt.block.y + i32(doubt.y) * outer.stride * outer.channels,
        doubt.block.x + i32(doubt.x) * inner.stride * inner.channels,
    );
}

// Whether a few of the largest taps show that its window is loud enough.
fn is_shown(doubt: Doubt, judge: Judge, output: u32) -> bool {
    let outer = params.axes[params.rank - 2u];
    let inner = params.axes[params.rank - 1u];
    let start = start_of(doubt);
    let need = judge.need * judge.up.x * judge.up.y;
    var sum = Real();
    for (var i = 0u; i < PROBES; i++) {
        let probe = weights[PROBED + i];
        // Small kernels have fewer.
        if number0(probe).x == Real() {
            break;
        }
        let tap = vec2<i32>(number1(probe));
        let source_y = resolve(outer, start.x + tap.x * outer.tap_step);
        let source_x = resolve(inner, start.y + tap.y * inner.tap_step);
        let corner = first_row(doubt.block.depth, slab_under(output, u32(number0(probe).y)));
        sum += number0(probe).x * size(sample(corner, source_y, source_x));
        if sum >= need {
            return true;
        }
    }
    return false;
}

// What tap `tap` of a row multiplies, if there is one.
fn under_tap(inner: Axis, start: i32, tap: u32, corner: i32, source_y: i32) -> Element {
    let value = sample(corner, source_y, resolve(inner, start + i32(tap) * inner.tap_step));
    return select(zero(), value, tap < inner.taps);
}

// The share of a member of a team in a sum. Sums of rows are added up, and so are planes: one long sum of a million
// equal taps would be off by a hundredth of itself.
fn summed(doubt: Doubt, transform: u32, output: u32, member: u32) -> Element {
    let outer = params.axes[params.rank - 2u];
    let inner = params.axes[params.rank - 1u];
    let start = start_of(doubt);
    let quads = (inner.taps + 3u) / 4u;
    let dilation = u32(outer.tap_step / outer.channels);
    var sum = zero();
    for (var tap_z = 0u; tap_z < tap_slabs(); tap_z++) {
        let slab = slab_under(output, tap_z);
        let corner = first_row(doubt.block.depth, slab);
        var plane = zero();
        for (var tap_y = member / params.team.y; tap_y < outer.taps; tap_y += params.team.x) {
            let position = doubt.y * u32(outer.stride) + tap_y * dilation;
            if is_silent(transform, doubt.part, slab, position) {
                continue;
            }
            let source_y = resolve(outer, start.x + i32(tap_y) * outer.tap_step);
            let taps = TAPS + (tap_z * outer.taps + tap_y) * quads;
            var row = zero();
            for (var quad = member % params.team.y; quad < quads; quad += params.team.y) {
                let w = weights[taps + quad];
                let tap = 4u * quad;
                row = mul_add(row, component0(w), under_tap(inner, start.y, tap, corner, source_y));
                row = mul_add(row, component1(w), under_tap(inner, start.y, tap + 1u, corner, source_y));
                row = mul_add(row, component2(w), under_tap(inner, start.y, tap + 2u, corner, source_y));
                row = mul_add(row, component3(w), under_tap(inner, start.y, tap + 3u, corner, source_y));
            }
            plane += row;
        }
        sum += plane;
    }
    return sum;
}

// Where the number of invocations that wait is.
const COUNTED: u32 = INVOCATIONS + FOLDED;

// Leaves in `exchanged` which invocations have something that waits, one after another. Returns how many.
fn gathered(t: u32, waits: bool) -> u32 {
    exchanged[t] = select(Bits(), Bits(1u), waits);
    workgroupBarrier();
    // Each of these has seen the flags of as many in a row.
    if t < FOLDED {
        var count = 0u;
        for (var i = 0u; i < INVOCATIONS / FOLDED; i++) {
            let who = t * (INVOCATIONS / FOLDED) + i;
            count += u32(exchanged[who]);
        }
        exchanged[INVOCATIONS + t] = Bits(count);
    }
    workgroupBarrier();
    let own = t / (INVOCATIONS / FOLDED);
    var before = 0u;
    var all = 0u;
    for (var i = 0u; i < FOLDED; i++) {
        let count = u32(exchanged[INVOCATIONS + i]);
        before += select(0u, count, i < own);
        all += count;
    }
    for (var i = own * (INVOCATIONS / FOLDED); i < t; i++) {
        before += u32(exchanged[i]);
    }
    if t == 0u {
        exchanged[COUNTED] = Bits(all);
    }
    // All are told by a load that compilers know to be the same for all.
    let count = u32(workgroupUniformLoad(&exchanged[COUNTED]));
    if waits {
        exchanged[before] = Bits(t);
    }
    workgroupBarrier();
    return count;
}

// Sums of the members of teams, behind those that wait.
fn put_sum(member: u32, sum: Element) {
    let number = as_number(sum);
    exchanged[INVOCATIONS + 2u * member] = bitcast<Bits>(number.x);
    exchanged[INVOCATIONS + 2u * member + 1u] = bitcast<Bits>(number.y);
}

fn get_sum(member: u32) -> Element {
    let re = bitcast<Real>(exchanged[INVOCATIONS + 2u * member]);
    let im = bitcast<Real>(exchanged[INVOCATIONS + 2u * member + 1u]);
    return as_element(Number(re, im));
}

// The second look of one of those workgroups that share what one of the pass before has left: at every so many-th bit,
// and of a bit at every so many-th invocation. What few taps do not show to be loud enough is summed up directly, by a
// team of invocations each.
fn look_again(transform: u32, output: u32, row: u32, left: u32, own: u32, t: u32) {
    let of_bits = min(params.shares, PACKED * VALUES / INVOCATIONS);
    let of_invocations = params.shares / of_bits;
    var bits = u32(between[left + 2u].y) & share_of(own % of_bits, of_bits);
    if bits == 0u {
        return;
    }
    let scale = between[left];
    let loudest = between[left + 1u];
    let need = bitcast<Real>(between[left + 2u].x);
    let words = vec2<u32>(between[left + 3u + t]);
    let is_own = t % of_invocations == own / of_bits;
    let team = params.team.x * params.team.y;
    // One bit less in every round.
    while bits != 0u {
        let bit = firstTrailingBit(bits);
        bits &= bits - 1u;
        var waits = is_own && ((words.x >> bit) & 1u) != 0u;
        // No window shows that what is not finite is right.
        if waits && ((words.y >> bit) & 1u) == 0u {
            let doubt = doubt_of(transform, output, row, t, bit);
            let judge = judge_of(scale[doubt.part], loudest[doubt.part], need);
            waits = judge.odd || !is_shown(doubt, judge, output);
        }
        let count = gathered(t, waits);
        for (var first = 0u; first < count; first += INVOCATIONS / team) {
            let number = first + t / team;
            let exists = number < count;
            let who = u32(exchanged[min(number, INVOCATIONS - 1u)]);
            let doubt = doubt_of(transform, output, row, who, bit);
            if exists {
                put_sum(t, summed(doubt, transform, output, t % team));
            }
            for (var half = team / 2u; half > 0u; half /= 2u) {
                workgroupBarrier();
                if exists && t % team < half {
                    put_sum(t, get_sum(t) + get_sum(t + half));
                }
            }
            if exists && t % team == 0u {
                store(place(doubt.block, doubt.y, doubt.x), get_sum(t));
            }
            workgroupBarrier();
        }
    }
}
