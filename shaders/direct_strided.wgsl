// Direct convolution along two axes, for every plane of a batch, with any stride and any dilation.
// A workgroup computes a tile of outputs, four per invocation along a row; for one chunk of taps at
// a time it stages the input under the tile, halo and edges included.

var<workgroup> stage: array<Element, STAGE>;

@compute @workgroup_size(WORKGROUP_X, WORKGROUP_Y)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    output_start = params.output_start;
    let number = group.y * groups.x + group.x;
    if number >= tile_count() {
        return;
    }
    let tile = tile_at(number, WORKGROUP_Y, 4u * WORKGROUP_X);

    // The two long axes are the last two; a batch stands before them.
    let y = params.axes[params.rank - 2u];
    let x = params.axes[params.rank - 1u];
    let rows = y.outputs;
    let columns = x.outputs;
    let step_y = u32(y.tap_step);
    let step_x = u32(x.tap_step);

    // Outputs of an invocation are a workgroup apart, so that neighbours read neighbours.
    let row = tile.row + local.y;
    let column0 = tile.column + local.x;
    let column1 = column0 + WORKGROUP_X;
    let column2 = column1 + WORKGROUP_X;
    let column3 = column2 + WORKGROUP_X;
    let base_y = advance(y, tile.row);
    let base_x = advance(x, tile.column);
    // Outputs beyond the end read the tile's first sample; they are not stored.
    let at_y = PITCH * u32(select(0, advance(y, row) - base_y, row < rows));
    let at0 = at_y + u32(select(0, advance(x, column0) - base_x, column0 < columns));
    let at1 = at_y + u32(select(0, advance(x, column1) - base_x, column1 < columns));
    let at2 = at_y + u32(select(0, advance(x, column2) - base_x, column2 < columns));
    let at3 = at_y + u32(select(0, advance(x, column3) - base_x, column3 < columns));
    var sum0 = zero();
    var sum1 = zero();
    var sum2 = zero();
    var sum3 = zero();

    let width = samples(x);
    let corner = i32(tile.plane) * samples(y) * width;
    for (var chunk_y = 0u; chunk_y < taps_y(); chunk_y += params.chunk.x) {
        let end_y = min(chunk_y + params.chunk.x, taps_y());
        let start_y = y.start + base_y + i32(chunk_y * step_y);
        for (var chunk_x = 0u; chunk_x < taps_x(); chunk_x += params.chunk.y) {
            let end_x = min(chunk_x + params.chunk.y, taps_x());
            let start_x = x.start + base_x + i32(chunk_x * step_x);

            workgroupBarrier();
            for (var i = index; i < params.stage_rows * PITCH; i += INVOCATIONS) {
                let source_y = resolve(y, start_y + i32(i / PITCH));
                let source_x = resolve(x, start_x + i32(i % PITCH));
                if source_x < 0 {
                    // The later axis has the last word.
                    stage[i] = outside(params.rank - 1u);
                } else if source_y < 0 {
                    stage[i] = outside(params.rank - 2u);
                } else {
                    stage[i] = load(u32(corner + source_y * width + source_x));
                }
            }
            workgroupBarrier();

            for (var tap_y = chunk_y; tap_y < end_y; tap_y++) {
                let row_at = (tap_y - chunk_y) * step_y * PITCH;
                let weight = TAPS_START + tap_y * tap_quads();
                for (var tap_x = chunk_x; tap_x < end_x; tap_x++) {
                    let w = component(weights[weight + tap_x / 4u], tap_x % 4u);
                    let offset = row_at + (tap_x - chunk_x) * step_x;
                    sum0 = mul_add(sum0, w, stage[at0 + offset]);
                    sum1 = mul_add(sum1, w, stage[at1 + offset]);
                    sum2 = mul_add(sum2, w, stage[at2 + offset]);
                    sum3 = mul_add(sum3, w, stage[at3 + offset]);
                }
            }
        }
    }

    if row >= rows {
        return;
    }
    let out = (tile.plane * rows + row) * columns;
    if column0 < columns {
        store(out + column0, sum0);
    }
    if column1 < columns {
        store(out + column1, sum1);
    }
    if column2 < columns {
        store(out + column2, sum2);
    }
    if column3 < columns {
        store(out + column3, sum3);
    }
}
