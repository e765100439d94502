
// Transforms of slabs: of each its values, sums of these for each output, and the levels of slabs, are left to the
// next pass.

// Where the values of the sums for outputs are.
fn first_sums() -> u32 {
    return transform_count() * slabs() * BLOCK_LEN;
}

fn level_at(transform: u32, slab: u32, look: u32) -> u32 {
    let sums = transform_count() * outputs_of_block() * BLOCK_LEN;
    return first_sums() + sums + 2u * ((transform * slabs() + slab) * LOOKS + look);
}

// Where the doubts of the first group of rows are.
fn first_doubts() -> u32 {
    return level_at(transform_count(), 0u, 0u);
}

// Whether all rows are known to be zeros that the same workgroup has looked at as at this one.
fn is_silent(transform: u32, part: u32, slab: u32, row: u32) -> bool {
    let largest = between[level_at(transform, slab, row / (BLOCK_ROWS / LOOKS))];
    return select(largest.x, largest.y, part == 1u) == Bits();
}

// How loud a slab is.
fn level_of(transform: u32, slab: u32) -> Level {
    var level = Level();
    for (var look = 0u; look < LOOKS; look++) {
        let at = level_at(transform, slab, look);
        level = joined(level, Level(between[at], bitcast<Number>(between[at + 1u])));
    }
    return level;
}

// What is not finite becomes zeros, and counts as these.
fn finite(level: Level) -> Level {
    let is_in = level.largest < TwoBits(ODD);
    return Level(select(TwoBits(), level.largest, is_in), select(Number(), level.squares, is_in));
}

// What all slabs of a transform are scaled by, which are added up.
fn scale_of(transform: u32, t: u32) -> TwoBits {
    var own = Level();
    for (var i = t; i < slabs(); i += INVOCATIONS) {
        own.largest = max(own.largest, finite(level_of(transform, i)).largest);
    }
    return of_workgroup(t, own).largest;
}

fn loud_slab(transform: u32, slab: u32, t: u32) -> Loud {
    let level = level_of(transform, slab);
    return Loud(finite(level), scale_of(transform, t), level.largest);
}

// The slabs under an output.
fn loud_output(transform: u32, output: u32, t: u32) -> Loud {
    var level = Level();
    var largest = TwoBits();
    for (var tap = 0u; tap < tap_slabs(); tap++) {
        let of_slab = level_of(transform, slab_under(output, tap));
        level = joined(level, finite(of_slab));
        largest = max(largest, of_slab.largest);
    }
    return Loud(level, scale_of(transform, t), largest);
}
