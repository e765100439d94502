// The taps of a kernel as a block of samples.
//
// `y[p] = sum over t of w[t] * x[p + t * dilation]` is a convolution with `w` reversed about 0: tap `t`
// stands `t * dilation` before the block's first value, and so before its end.

// No tap stands there.
const NO_TAP: u32 = 0xffffffffu;

// The tap at position `i` of a block along an axis.
fn tap_along(axis: Axis, i: u32, size: u32) -> u32 {
    let back = select(size - i, 0u, i == 0u);
    let dilation = u32(axis.tap_step / axis.channels);
    let tap = back / dilation;
    return select(NO_TAP, tap, tap < axis.taps && tap * dilation == back);
}

fn tap_y(i: u32) -> u32 {
    return tap_along(params.axes[params.rank - 2u], i, BLOCK_ROWS);
}

fn tap_x(i: u32) -> u32 {
    return tap_along(params.axes[params.rank - 1u], i, BLOCK_COLUMNS);
}

// What scales taps so that no value of their spectrum is above two, in two steps.
fn tap_at(slab: u32, y: u32, x: u32) -> Number {
    if max(y, x) == NO_TAP {
        return Number();
    }
    let quads = (params.axes[params.rank - 1u].taps + 3u) / 4u;
    let exponent = -i32(number1(weights[HEAD]).x);
    let half = exponent / 2;
    let row = slab * params.axes[params.rank - 2u].taps + y;
    let tap = component(weights[TAPS + row * quads + x / 4u], x % 4u);
    return as_number(tap * power_of_two(half) * power_of_two(exponent - half));
}
