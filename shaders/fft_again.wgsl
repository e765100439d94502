// Outputs that are doubted.

// Every so many-th bit of a word, `shares` being a power of two.
fn share_of(own: u32, shares: u32) -> u32 {
    let period = select((1u << shares) - 1u, 0xffffffffu, shares == 32u);
    return (0xffffffffu / period) << own;
}

// The second look at an output of this part of a transform that is doubted. A few of the largest taps may show that
// its window is loud enough; where they do not, it is summed up directly.
fn look_again(
    block: Block,
    judge: Judge,
    output: u32,
    y: u32,
    x: u32,
    transform: u32,
    part: u32,
    shows: bool,
) {
    let outer = params.axes[params.rank - 2u];
    let inner = params.axes[params.rank - 1u];
    let start_y = block.y + i32(y) * outer.stride * outer.channels;
    let start_x = block.x + i32(x) * inner.stride * inner.channels;
    if shows && !judge.odd {
        let need = judge.need * judge.up.x * judge.up.y;
        var sum = Real();
        for (var i = 0u; i < PROBES; i++) {
            let probe = weights[PROBED + i];
            // Small kernels have fewer.
            if number0(probe).x == Real() {
                break;
            }
            let tap = vec2<i32>(number1(probe));
            let source_y = resolve(outer, start_y + tap.x * outer.tap_step);
            let source_x = resolve(inner, start_x + tap.y * inner.tap_step);
            let corner = first_row(block.depth, slab_under(output, u32(number0(probe).y)));
            sum += number0(probe).x * size(sample(corner, source_y, source_x));
            if sum >= need {
                return;
            }
        }
    }
    let quads = (inner.taps + 3u) / 4u;
    // Sums of rows are added up, and so are planes: one long sum of a million equal taps would be off by a hundredth
    // of itself.
    var sum = zero();
    let dilation = u32(outer.tap_step / outer.channels);
    for (var tap_z = 0u; tap_z < tap_slabs(); tap_z++) {
        let slab = slab_under(output, tap_z);
        let corner = first_row(block.depth, slab);
        var plane = zero();
        for (var tap_y = 0u; tap_y < outer.taps; tap_y++) {
            if is_silent(transform, part, slab, y * u32(outer.stride) + tap_y * dilation) {
                continue;
            }
            let source_y = resolve(outer, start_y + i32(tap_y) * outer.tap_step);
            let taps = TAPS + (tap_z * outer.taps + tap_y) * quads;
            var row = zero();
            for (var tap_x = 0u; tap_x < inner.taps; tap_x++) {
                let source_x = resolve(inner, start_x + i32(tap_x) * inner.tap_step);
                let w = component(weights[taps + tap_x / 4u], tap_x % 4u);
                row = mul_add(row, w, sample(corner, source_y, source_x));
            }
            plane += row;
        }
        sum += plane;
    }
    store(place(block, y, x), sum);
}
