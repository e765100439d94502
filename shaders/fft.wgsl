// What all passes of transforms know: where the blocks of samples lie, and how loud they are. Joined
// before the transforms, which are generated (src/gpu/fft.rs).
//
// A workgroup has VALUES complex numbers in the registers of its invocations. Two blocks of real samples
// are the real and the imaginary parts of one transform, PACKED of them.

alias Number = vec2<Real>;
alias TwoBits = vec2<Bits>;

// What goes from invocation to invocation: real parts first, then imaginary ones.
var<workgroup> exchanged: array<Bits, VALUES>;

// Where a block lies in the extended input, and its outputs.
struct Block {
    depth: Depth,
    // Of its plane: the first stored row, or OUTSIDE.
    corner: i32,
    // The samples under its first value.
    y: i32,
    x: i32,
    // Positions that its outputs need. Others may be anything, and count as zero.
    rows: u32,
    columns: u32,
    // The row and column of its first output, and how many it has along both axes, in positions.
    output_row: u32,
    output_column: u32,
    output_rows: u32,
    output_columns: u32,
}

// Where a plane is not of the input.
const OUTSIDE: i32 = -1;

// Where there is no output.
const NONE: u32 = 0xffffffffu;

fn block_count() -> u32 {
    return params.tiles.x * params.tiles.y * params.tiles.z;
}

fn transform_count() -> u32 {
    return (block_count() + PACKED - 1u) / PACKED;
}

// Block `i` as it is in one of its slabs and for one of its outputs along an axis before its rows; where there is
// none of these, nothing is in it.
fn block_at(i: u32, slab: u32, output: u32) -> Block {
    let y = params.axes[params.rank - 2u];
    let x = params.axes[params.rank - 1u];
    let channels_y = u32(y.channels);
    let channels_x = u32(x.channels);
    // Each component of a position is a plane of its own.
    let line = i / params.tiles.z;
    let plane = line / params.tiles.y;
    let rest = plane / channels_x;
    let depth = depth_at(rest / channels_y);
    let component_x = plane % channels_x;
    let component_y = rest % channels_y;
    let first_y = line % params.tiles.y * params.chunk.x;
    let first_x = i % params.tiles.z * params.chunk.y;
    let exists = i < block_count() && has_slab(depth, slab) && has_output(depth, output);
    let rows = select(0u, min(params.chunk.x, y.outputs / channels_y - first_y), exists);
    let columns = select(0u, min(params.chunk.y, x.outputs / channels_x - first_x), exists);
    return Block(
        depth,
        first_row(depth, slab),
        y.start + i32(first_y) * y.stride * y.channels + i32(component_y),
        x.start + i32(first_x) * x.stride * x.channels + i32(component_x),
        needed(y, rows),
        needed(x, columns),
        output_plane(depth, output) * y.outputs + first_y * channels_y + component_y,
        first_x * channels_x + component_x,
        rows,
        columns,
    );
}

// Positions under so many outputs.
fn needed(axis: Axis, outputs: u32) -> u32 {
    if outputs == 0u {
        return 0u;
    }
    let reach = (axis.taps - 1u) * u32(axis.tap_step / axis.channels);
    return (outputs - 1u) * u32(axis.stride) + reach + 1u;
}

// A normal number.
fn power_of_two(exponent: i32) -> Real {
    let bias = i32(BIAS);
    return bitcast<Real>(Bits(clamp(exponent, 1 - bias, bias) + bias) << MANTISSA);
}

fn times(a: Number, b: Number) -> Number {
    return Number(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}

fn times_conjugate(a: Number, b: Number) -> Number {
    return Number(a.x * b.x + a.y * b.y, a.y * b.x - a.x * b.y);
}

// How loud values are, part by part: the bits of the largest magnitude, and the sum of squares in units of
// the square of the power of two below that.
struct Level {
    largest: TwoBits,
    squares: Number,
}

fn magnitude(value: Number) -> TwoBits {
    return bitcast<TwoBits>(value) & TwoBits(UNSIGNED);
}

// Exponents of which both 2^e and 2^-e are normal numbers.
fn exponents(bits: TwoBits) -> vec2<u32> {
    let found = vec2<u32>(bits >> vec2<u32>(MANTISSA));
    return clamp(found, vec2<u32>(1u), vec2<u32>(2u * BIAS - 1u));
}

fn powers_of_two(exponents: vec2<u32>) -> Number {
    return bitcast<Number>(TwoBits(exponents) << vec2<u32>(MANTISSA));
}

// The powers of two that bring magnitudes to between one and two.
fn shrinking(largest: TwoBits) -> Number {
    return powers_of_two(vec2<u32>(2u * BIAS) - exponents(largest));
}

// Squares in units of what is smaller, in units of what is larger: no less than they are.
fn units(small: TwoBits, large: TwoBits) -> Number {
    let steps = min(2u * (exponents(large) - exponents(small)), vec2<u32>(BIAS - 1u));
    return powers_of_two(vec2<u32>(BIAS) - steps);
}

// Both together.
fn joined(a: Level, b: Level) -> Level {
    let largest = max(a.largest, b.largest);
    let squares = a.squares * units(a.largest, largest) + b.squares * units(b.largest, largest);
    return Level(largest, squares);
}

// How loud is what becomes of an output, what its transform was scaled by, and the bits of the largest magnitude,
// which may not be finite.
struct Loud {
    level: Level,
    scale: TwoBits,
    largest: TwoBits,
}

fn put_level(at: u32, loud: Level) {
    exchanged[at] = loud.largest.x;
    exchanged[at + 1u] = loud.largest.y;
    exchanged[at + 2u] = bitcast<Bits>(loud.squares.x);
    exchanged[at + 3u] = bitcast<Bits>(loud.squares.y);
}

fn get_level(at: u32) -> Level {
    let squares = TwoBits(exchanged[at + 2u], exchanged[at + 3u]);
    return Level(TwoBits(exchanged[at], exchanged[at + 1u]), bitcast<Number>(squares));
}

// All of a workgroup together.
fn of_workgroup(t: u32, own: Level) -> Level {
    put_level(4u * t, own);
    workgroupBarrier();
    if t < FOLDED {
        var part = own;
        for (var i = t + FOLDED; i < INVOCATIONS; i += FOLDED) {
            part = joined(part, get_level(4u * i));
        }
        put_level(4u * (INVOCATIONS + t), part);
    }
    workgroupBarrier();
    var all = get_level(4u * INVOCATIONS);
    for (var i = 1u; i < FOLDED; i++) {
        all = joined(all, get_level(4u * (INVOCATIONS + i)));
    }
    workgroupBarrier();
    return all;
}

// The bits that any invocation of a workgroup has.
fn any_of_workgroup(t: u32, own: u32) -> u32 {
    workgroupBarrier();
    exchanged[t] = Bits(own);
    workgroupBarrier();
    if t < FOLDED {
        var part = Bits();
        for (var i = t; i < INVOCATIONS; i += FOLDED) {
            part |= exchanged[i];
        }
        exchanged[INVOCATIONS + t] = part;
    }
    workgroupBarrier();
    var all = Bits();
    for (var i = 0u; i < FOLDED; i++) {
        all |= exchanged[INVOCATIONS + i];
    }
    return u32(all);
}
