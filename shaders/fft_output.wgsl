// Outputs of transforms, and which of them are doubted.
//
// A transform spreads its rounding errors over all of its outputs, so that what is quiet would drown in what
// is loud. An output that is itself large beside the error tells that it does not; the others are doubted, and
// so is all of a block with a sample that is not finite.

// How the outputs of a block are judged.
struct Judge {
    // The error of a result over the share of its window that it may be: results are as good as that.
    need: Real,
    // What brings results back to the scale of the samples, in two steps: their product may be beyond the
    // type.
    up: Number,
    // Whether a sample is not finite, and whether all of them are zero.
    odd: bool,
    silent: bool,
}

// Results of an invocation that are not finite, a bit for each: no window shows that these are right.
var<private> overflowed: u32;

// What the values of a transform must reach.
fn need_of(loud: Loud) -> Real {
    // Of the squares, in units of how loud the spectrum is, and of the largest sample.
    let gains = number0(weights[HEAD]) * Number(number1(weights[HEAD]).y, 1.0);
    let level = loud.level;
    let is_in = level.largest < TwoBits(ODD);
    let squares = select(Number(), level.squares * units(level.largest, loud.scale), is_in);
    let scaled = bitcast<Number>(level.largest) * shrinking(loud.scale);
    let largest = select(Number(), scaled, is_in);
    return gains.x * sqrt(squares.x + squares.y) + gains.y * max(largest.x, largest.y);
}

// The judge of results that were scaled by this, of samples with this largest magnitude.
fn judge_of(scale: Bits, largest: Bits, need: Real) -> Judge {
    let of_samples = i32(exponents(TwoBits(scale)).x) - i32(BIAS);
    let exponent = of_samples + i32(number1(weights[HEAD]).x);
    let half = exponent / 2;
    let up = Number(power_of_two(half), power_of_two(exponent - half));
    // What is far below a level of the result needs no second look.
    let bearable = need * up.x * up.y <= BEARABLE;
    return Judge(select(need, Real(), bearable), up, largest >= ODD, largest == Bits());
}

// The output at position `i` of a block, of which every `stride`-th has one.
fn output_at(i: u32, stride: i32, outputs: u32) -> u32 {
    if stride == 1 {
        return select(NONE, i, i < outputs);
    }
    let output = i / u32(stride);
    return select(NONE, output, output < outputs && output * u32(stride) == i);
}

fn output_y(block: Block, i: u32) -> u32 {
    return output_at(i, params.axes[params.rank - 2u].stride, block.output_rows);
}

fn output_x(block: Block, i: u32) -> u32 {
    return output_at(i, params.axes[params.rank - 1u].stride, block.output_columns);
}

// Where an output of a block is stored.
fn place(block: Block, y: u32, x: u32) -> u32 {
    let outer = params.axes[params.rank - 2u];
    let inner = params.axes[params.rank - 1u];
    let row = block.output_row + y * u32(outer.channels);
    return row * inner.outputs + block.output_column + x * u32(inner.channels);
}

// Stores a result. Returns `bit` where it is doubted.
fn put_output(block: Block, judge: Judge, y: u32, x: u32, value: Element, bit: u32) -> u32 {
    if max(y, x) == NONE {
        return 0u;
    }
    let result = select(value * judge.up.x * judge.up.y, zero(), judge.silent);
    store(place(block, y, x), result);
    overflowed |= select(bit, 0u, is_finite(result));
    let is_loud = !judge.odd && size(value) >= judge.need && is_finite(result);
    return select(bit, 0u, judge.silent || is_loud);
}
