// The input continued past its ends, and the canonical form's numbers. Joined behind an element's
// file and before a method's. How samples are stored, at bindings 1 and 3, is left to the files that
// load and store them.

const EDGE_OUTSIDE: u32 = 0u; // zero or a constant: the value is not in the input
const EDGE_NEAREST: u32 = 1u;
const EDGE_REFLECT: u32 = 2u;
const EDGE_MIRROR: u32 = 3u;
const EDGE_WRAP: u32 = 4u;

const MAX_RANK: u32 = 8u;

// One axis of the canonical form, in samples: see src/problem/geometry.rs.
struct Axis {
    positions: i32,
    channels: i32,
    taps: u32,
    outputs: u32,
    stride: i32,
    tap_step: i32,
    start: i32,
    edge: u32,
}

struct Params {
    axes: array<Axis, MAX_RANK>,
    rank: u32,
    // Where the first sample of input and output lies in what is bound.
    input_start: u32,
    output_start: u32,
    // Of transforms that are added up: outputs of a block along the axis before its rows.
    depth: u32,
    // Tiles along the batch, the outer and the inner axis.
    tiles: vec3<u32>,
    // Taps per chunk along the outer and the inner axis.
    chunk: vec2<u32>,
    // Rows of input that are staged at a time.
    stage_rows: u32,
    // Of a second look: workgroups that share what one of the pass before has left.
    shares: u32,
    // Of rectangles of textures: their first texels, and the texels of a row of each.
    input_origin: vec2<u32>,
    output_origin: vec2<u32>,
    widths: vec2<u32>,
    // Of a second look: how many invocations share out the rows of taps of a sum, and how many share out a row.
    team: vec2<u32>,
}

// Parameters sit in storage, not uniform, memory: Mesa's software adapter compiles some shaders
// with uniform parameters anew at every dispatch.
@group(0) @binding(0) var<storage, read> params: Params;

// `params.output_start`. Set when a shader begins and read ever after: as far as compilers know, each
// store to the output might change the parameters.
var<private> output_start: u32;

// `weights`, at binding 2, is declared before this file, in uniform or storage memory: one value
// outside per axis, MAX_RANK of them, and then the kernel in canonical order, each row of taps along
// the last axis filled up to whole quads.
const TAPS_START: u32 = MAX_RANK / 4u;

// Element `i` of a quad.
fn component(q: Quad, i: u32) -> Element {
    switch i {
        case 0u: {
            return component0(q);
        }
        case 1u: {
            return component1(q);
        }
        case 2u: {
            return component2(q);
        }
        default: {
            return component3(q);
        }
    }
}

// The value that stands outside along an axis.
fn outside(axis: u32) -> Element {
    return component(weights[axis / 4u], axis % 4u);
}

// Rounds down. Written without `%`, which is wrong for negative numbers on some GL drivers.
fn floor_div(a: i32, b: i32) -> i32 {
    return select(a / b, (a - b + 1) / b, a < 0);
}

// The sample offset under the first tap of output sample `o`, counted from that of output 0.
fn advance(axis: Axis, o: u32) -> i32 {
    if axis.stride == 1 {
        return i32(o);
    }
    let position = i32(o) / axis.channels;
    return position * axis.stride * axis.channels + (i32(o) - position * axis.channels);
}

// Samples of the input along an axis.
fn samples(axis: Axis) -> i32 {
    return axis.positions * axis.channels;
}

// Whether `len` samples from `start` on all lie in the input.
fn is_inside(axis: Axis, start: i32, len: u32) -> bool {
    return start >= 0 && start + i32(len) <= samples(axis);
}

// The stored sample that stands at sample `p` of the extended input, or -1 where the axis's own
// value does.
fn resolve(axis: Axis, p: i32) -> i32 {
    if p >= 0 && p < samples(axis) {
        return p;
    }
    let n = axis.positions;
    let i = floor_div(p, axis.channels);
    let channel = p - i * axis.channels;
    var source = -1;
    switch axis.edge {
        case EDGE_NEAREST: {
            source = clamp(i, 0, n - 1);
        }
        case EDGE_REFLECT: {
            let phase = i - floor_div(i, 2 * n) * 2 * n;
            source = min(phase, 2 * n - 1 - phase);
        }
        case EDGE_MIRROR: {
            let period = max(2 * (n - 1), 1);
            let phase = i - floor_div(i, period) * period;
            source = min(phase, 2 * (n - 1) - phase);
        }
        case EDGE_WRAP: {
            source = i - floor_div(i, n) * n;
        }
        default: {
            return -1;
        }
    }
    return source * axis.channels + channel;
}
