
// Blocks of single planes: nothing is added up along axes before their rows.

struct Depth {
    plane: u32,
}

fn depth_at(i: u32) -> Depth {
    return Depth(i);
}

fn has_slab(depth: Depth, slab: u32) -> bool {
    return true;
}

fn has_output(depth: Depth, output: u32) -> bool {
    return true;
}

fn first_row(depth: Depth, slab: u32) -> i32 {
    return i32(depth.plane) * samples(params.axes[params.rank - 2u]);
}

fn output_plane(depth: Depth, output: u32) -> u32 {
    return depth.plane;
}

fn slabs() -> u32 {
    return 1u;
}

fn outputs_of_block() -> u32 {
    return 1u;
}

fn tap_slabs() -> u32 {
    return 1u;
}

fn slab_under(output: u32, tap: u32) -> u32 {
    return 0u;
}

// Every plane is one of the input.
fn plane_outside() -> Element {
    return zero();
}
