// Staging: the extended input under a tile, in workgroup memory, as rows of PITCH quads.

var<workgroup> stage: array<Quad, STAGE>;

// The last two axes are the long ones; a batch of planes stands before them.
fn outer_axis() -> Axis {
    return params.axes[params.rank - 2u];
}

fn inner_axis() -> Axis {
    return params.axes[params.rank - 1u];
}

// One sample of the extended input; `row` is where the stored row begins, or -1 where the row is
// outside.
fn extended(x: Axis, row: i32, p: i32) -> Element {
    let column = resolve(x, p);
    if column < 0 {
        // The later axis has the last word.
        return outside(params.rank - 1u);
    }
    if row < 0 {
        return outside(params.rank - 2u);
    }
    return load(u32(row + column));
}

// Stages `rows` rows of the extended input of one plane from (`start_y`, `start_x`) on. Each
// invocation writes whole quads: neighbours may not write parts of one.
fn fill_stage(plane: u32, start_y: i32, start_x: i32, rows: u32, index: u32) {
    let y = outer_axis();
    let x = inner_axis();
    let width = samples(x);
    let corner = i32(plane) * samples(y) * width;
    // The same for the whole workgroup: only tiles at the ends pay for the edges.
    if is_inside(y, start_y, rows) && is_inside(x, start_x, 4u * PITCH) {
        let first = u32(corner + start_y * width + start_x);
        for (var i = index; i < rows * PITCH; i += INVOCATIONS) {
            let at = first + (i / PITCH) * u32(width) + 4u * (i % PITCH);
            stage[i] = load_quad(at);
        }
    } else {
        for (var i = index; i < rows * PITCH; i += INVOCATIONS) {
            let source = resolve(y, start_y + i32(i / PITCH));
            let row = select(corner + source * width, -1, source < 0);
            let p = start_x + 4 * i32(i % PITCH);
            stage[i] = quad(
                extended(x, row, p),
                extended(x, row, p + 1),
                extended(x, row, p + 2),
                extended(x, row, p + 3),
            );
        }
    }
}

// The four neighbours that start `offset` elements behind quad `at` of the stage.
fn staged(at: u32, offset: u32) -> Quad {
    let a = stage[at + offset / 4u];
    let b = stage[at + offset / 4u + 1u];
    switch offset % 4u {
        case 0u: {
            return a;
        }
        case 1u: {
            return shift1(a, b);
        }
        case 2u: {
            return shift2(a, b);
        }
        default: {
            return shift3(a, b);
        }
    }
}

// Stores those of four neighbouring outputs that exist; `at` is the row's first output.
fn store_existing(at: u32, column: u32, columns: u32, sum: Quad) {
    if column + 4u <= columns {
        store_quad(at + column, sum);
        return;
    }
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
