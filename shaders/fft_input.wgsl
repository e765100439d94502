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

// Leaves in `exchanged` where so many rows of a block, from one on, and so many columns are stored: each is found
// once for all invocations.
fn put_places(t: u32, block: Block, row: u32, at: u32, rows: u32, columns: u32) {
    for (var i = t; i < rows + columns; i += INVOCATIONS) {
        let is_column = i >= rows;
        let axis = params.axes[params.rank - select(2u, 1u, is_column)];
        let start = select(block.y, block.x, is_column);
        let position = select(row + i, i - rows, is_column);
        let needed = select(block.rows, block.columns, is_column);
        exchanged[at + i] = Bits(bitcast<u32>(source(axis, start, position, needed)));
    }
}

// Whether every value of a block is a sample of the input, so that none needs the edge rule.
fn is_inner(block: Block) -> bool {
    let y = params.axes[params.rank - 2u];
    let x = params.axes[params.rank - 1u];
    let last_y = block.y + i32(BLOCK_ROWS - 1u) * y.channels;
    let last_x = block.x + i32(BLOCK_COLUMNS - 1u) * x.channels;
    return block.rows == BLOCK_ROWS && block.columns == BLOCK_COLUMNS && block.corner != OUTSIDE
        && block.y >= 0 && block.x >= 0 && last_y < samples(y) && last_x < samples(x);
}

// Where a row of such a block begins, and a column of it.
fn inner_y(block: Block, i: u32) -> u32 {
    let y = block.corner + block.y + i32(i) * params.axes[params.rank - 2u].channels;
    return u32(y * samples(params.axes[params.rank - 1u]));
}

fn inner_x(block: Block, i: u32) -> u32 {
    return u32(block.x + i32(i) * params.axes[params.rank - 1u].channels);
}

// A sample of the extended input of a plane.
fn sample(corner: i32, y: i32, x: i32) -> Element {
    if min(y, x) < 0 {
        if min(y, x) == UNNEEDED {
            return zero();
        }
        // The later axis has the last word.
        return outside(params.rank - select(2u, 1u, x < 0));
    }
    if corner == OUTSIDE {
        return plane_outside();
    }
    return load(u32((corner + y) * samples(params.axes[params.rank - 1u]) + x));
}
