
// Blocks of slabs, one behind the other along the axis before their rows.

// What of a block lies along that axis.
struct Depth {
    batch: u32,
    // The sample under its first slab.
    z: i32,
    // Slabs that its outputs need, as positions of other axes.
    slabs: u32,
    // The plane of its first output, and how many it has.
    output: u32,
    outputs: u32,
}

fn depth_axis() -> Axis {
    return params.axes[params.rank - 3u];
}

// Number `i` of all along that axis, in which each component of a position has blocks of its own.
fn depth_at(i: u32) -> Depth {
    let axis = depth_axis();
    let channels = u32(axis.channels);
    let positions = axis.outputs / channels;
    let count = (positions + params.depth - 1u) / params.depth;
    let component = i % channels;
    let line = i / channels;
    let first = line % count * params.depth;
    let batch = line / count;
    let outputs = min(params.depth, positions - first);
    return Depth(
        batch,
        axis.start + i32(first) * axis.stride * axis.channels + i32(component),
        needed(axis, outputs),
        batch * axis.outputs + first * channels + component,
        outputs,
    );
}

fn has_slab(depth: Depth, slab: u32) -> bool {
    return slab < depth.slabs;
}

fn has_output(depth: Depth, output: u32) -> bool {
    return output < depth.outputs;
}

// The first stored row of a slab's plane, or OUTSIDE.
fn first_row(depth: Depth, slab: u32) -> i32 {
    let axis = depth_axis();
    let plane = resolve(axis, depth.z + i32(slab) * axis.channels);
    let row = (i32(depth.batch) * samples(axis) + plane) * samples(params.axes[params.rank - 2u]);
    return select(row, OUTSIDE, plane < 0);
}

fn output_plane(depth: Depth, output: u32) -> u32 {
    return depth.output + output * u32(depth_axis().channels);
}

// Slabs and outputs of each block, those that it does not need included.
fn slabs() -> u32 {
    return needed(depth_axis(), params.depth);
}

fn outputs_of_block() -> u32 {
    return params.depth;
}

// Taps along that axis: the slabs of a kernel.
fn tap_slabs() -> u32 {
    return depth_axis().taps;
}

fn slab_under(output: u32, tap: u32) -> u32 {
    let axis = depth_axis();
    return output * u32(axis.stride) + tap * u32(axis.tap_step / axis.channels);
}

// The value that stands in planes that are not of the input.
fn plane_outside() -> Element {
    return outside(params.rank - 3u);
}
