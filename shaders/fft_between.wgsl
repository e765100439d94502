
// Transforms in several passes: of each its values, and the levels of its rows, are left to the next.

fn level_at(transform: u32, group: u32) -> u32 {
    return transform_count() * BLOCK_LEN + 2u * (transform * ROW_GROUPS + group);
}

// Where the doubts of the first group of rows are.
fn first_doubts() -> u32 {
    return level_at(transform_count(), 0u);
}

// Whether all of a block's row is known to be zero.
fn is_silent(transform: u32, part: u32, slab: u32, row: u32) -> bool {
    let largest = between[level_at(transform, row / GROUP_ROWS)];
    return select(largest.x, largest.y, part == 1u) == Bits();
}

// How loud all rows of a transform are.
fn loud_slab(transform: u32, slab: u32, t: u32) -> Loud {
    var own = Level();
    for (var i = t; i < ROW_GROUPS; i += INVOCATIONS) {
        let at = level_at(transform, i);
        own = joined(own, Level(between[at], bitcast<Number>(between[at + 1u])));
    }
    let level = of_workgroup(t, own);
    return Loud(level, level.largest, level.largest);
}

fn loud_output(transform: u32, output: u32, t: u32) -> Loud {
    return loud_slab(transform, 0u, t);
}
