// Staging: the extended input under a tile, in workgroup memory, as rows of PITCH quads.

var<workgroup> stage: array<Quad, STAGE>;

// The last two axes are the long ones; a batch of planes stands before them.
fn outer_axis() -> Axis {
    return params.axes[params.rank - 2u];
}

fn inner_axis() -> Axis {
    return params.axes[params.rank - 1u];
}

// One sample of the extended input; `row` is the stored row's number, or -1 where the row is outside.
fn extended(x: Axis, row: i32, p: i32) -> Element {
    let column = resolve(x, p);
    if column < 0 {
        // The later axis has the last word.
        return outside(params.rank - 1u);
    }
    if row < 0 {
        return outside(params.rank - 2u);
    }
    return load(u32(row * samples(x) + column));
}

// Four neighbours from sample `p` on. Where they are channels of one position they stay together.
fn extended_quad(x: Axis, row: i32, p: i32) -> Quad {
    if row >= 0 && x.channels % 4 == 0 && (p & 3) == 0 {
        let column = resolve(x, p);
        if column >= 0 {
            return load_quad_of(u32(row), u32(column), u32(samples(x)));
        }
    }
    return quad(
        extended(x, row, p),
        extended(x, row, p + 1),
        extended(x, row, p + 2),
        extended(x, row, p + 3),
    );
}

// Stages `rows` rows of the extended input of one plane from (`start_y`, `start_x`) on. Each
// invocation writes whole quads: neighbours may not write parts of one. `fill_inside`, which loads
// several quads before it stores one, is generated (src/gpu/unrolled.rs).
fn fill_stage(plane: u32, start_y: i32, start_x: i32, rows: u32, index: u32) {
    let y = outer_axis();
    let x = inner_axis();
    let width = u32(samples(x));
    let corner = i32(plane) * samples(y);
    // The same for the whole workgroup: only tiles at the ends pay for the edges.
    if is_inside(y, start_y, rows) && is_inside(x, start_x, 4u * PITCH) {
        fill_inside(u32(corner + start_y), u32(start_x), rows, width, index);
    } else {
        for (var i = index; i < rows * PITCH; i += INVOCATIONS) {
            let source = resolve(y, start_y + i32(i / PITCH));
            let row = select(corner + source, -1, source < 0);
            stage[i] = extended_quad(x, row, start_x + 4 * i32(i % PITCH));
        }
    }
}

// Stores those of four neighbouring outputs of a row of `columns` that exist.
fn store_existing(row: u32, column: u32, columns: u32, sum: Quad) {
    if column + 4u <= columns {
        store_quad_of(row, column, columns, sum);
        return;
    }
    let at = row * columns;
    if column < columns {
        store(at + column, component0(sum));
    }
    if column + 1u < columns {
        store(at + column + 1u, component1(sum));
    }
    if column + 2u < columns {
        store(at + column + 2u, component2(sum));
    }
}
