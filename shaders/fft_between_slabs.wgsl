
// Transforms of slabs: of each its values, sums of these for each output, and the levels of slabs, are left to the
// next pass.

// Where the values of the sums for outputs are.
fn first_sums() -> u32 {
    return transform_count() * slabs() * BLOCK_LEN;
}

fn level_at(transform: u32, slab: u32) -> u32 {
    let sums = transform_count() * outputs_of_block() * BLOCK_LEN;
    return first_sums() + sums + 2u * (transform * slabs() + slab);
}

// Where the doubts of the first group of rows are.
fn first_doubts() -> u32 {
    return level_at(transform_count(), 0u);
}

// Whether all of a block's slab is known to be zero.
fn is_silent(transform: u32, part: u32, slab: u32, row: u32) -> bool {
    let largest = between[level_at(transform, slab)];
    return select(largest.x, largest.y, part == 1u) == 0u;
}

// How loud a slab is; where it is not finite it becomes zeros, and counts as these.
fn finite_level(transform: u32, slab: u32) -> Level {
    let at = level_at(transform, slab);
    let is_in = between[at] < vec2<u32>(ODD);
    let squares = select(vec2<f32>(), bitcast<vec2<f32>>(between[at + 1u]), is_in);
    return Level(select(vec2<u32>(), between[at], is_in), squares);
}

// What all slabs of a transform are scaled by, which are added up.
fn scale_of(transform: u32, t: u32) -> vec2<u32> {
    var own = Level();
    for (var i = t; i < slabs(); i += INVOCATIONS) {
        own.largest = max(own.largest, finite_level(transform, i).largest);
    }
    return of_workgroup(t, own).largest;
}

fn loud_slab(transform: u32, slab: u32, t: u32) -> Loud {
    let level = finite_level(transform, slab);
    return Loud(level, scale_of(transform, t), between[level_at(transform, slab)]);
}

// The slabs under an output.
fn loud_output(transform: u32, output: u32, t: u32) -> Loud {
    var level = Level();
    var largest = vec2<u32>();
    for (var tap = 0u; tap < tap_slabs(); tap++) {
        let slab = slab_under(output, tap);
        level = joined(level, finite_level(transform, slab));
        largest = max(largest, between[level_at(transform, slab)]);
    }
    return Loud(level, scale_of(transform, t), largest);
}
