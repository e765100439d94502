// Blocks of samples of the extended input, for transforms.

// Nothing is needed there.
const UNNEEDED: i32 = -2;

// The stored sample that position `i` of a block stands at along an axis, as `resolve` says.
fn source(axis: Axis, start: i32, i: u32, needed: u32) -> i32 {
    if i >= needed {
        return UNNEEDED;
    }
    return resolve(axis, start + i32(i) * axis.channels);
}

fn source_y(block: Block, i: u32) -> i32 {
    return source(params.axes[params.rank - 2u], block.y, i, block.rows);
}

fn source_x(block: Block, i: u32) -> i32 {
    return source(params.axes[params.rank - 1u], block.x, i, block.columns);
}

// A sample of the extended input of a plane.
fn sample(corner: i32, y: i32, x: i32) -> Element {
    if min(y, x) == UNNEEDED {
        return zero();
    }
    if x < 0 {
        // The later axis has the last word.
        return outside(params.rank - 1u);
    }
    if y < 0 {
        return outside(params.rank - 2u);
    }
    return load(u32((corner + y) * samples(params.axes[params.rank - 1u]) + x));
}
