
// Transforms in several passes: of each its values, and the levels of its rows, are left to the next.

fn level_at(transform: u32, group: u32) -> u32 {
    return transform_count() * BLOCK_LEN + 2u * (transform * ROW_GROUPS + group);
}

// Where the doubts of the first group of rows are.
fn first_doubts() -> u32 {
    return level_at(transform_count(), 0u);
}

// Whether all of a block's row is known to be zero.
fn is_silent(transform: u32, part: u32, row: u32) -> bool {
    let largest = between[level_at(transform, row / GROUP_ROWS)];
    return select(largest.x, largest.y, part == 1u) == 0u;
}

// How loud all rows of a transform are.
fn level_of(transform: u32, t: u32) -> Level {
    var own = Level();
    for (var i = t; i < ROW_GROUPS; i += INVOCATIONS) {
        let at = level_at(transform, i);
        own = joined(own, Level(between[at], bitcast<vec2<f32>>(between[at + 1u])));
    }
    return of_workgroup(t, own);
}
