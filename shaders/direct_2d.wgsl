// Direct convolution along two axes, for every plane of a batch. A workgroup computes a tile of
// outputs, four rows per invocation; for one chunk of taps at a time it stages the input under the
// tile, halo and edges included.

override WORKGROUP_X: u32 = 32u;
override WORKGROUP_Y: u32 = 8u;
override STAGE: u32 = 2048u;

var<workgroup> stage: array<Element, STAGE>;

@compute @workgroup_size(WORKGROUP_X, WORKGROUP_Y)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    var tile = group.y * groups.x + group.x;
    if tile >= params.tiles.x * params.tiles.y * params.tiles.z {
        return;
    }
    let tile_x = tile % params.tiles.z;
    tile = tile / params.tiles.z;
    let tile_y = tile % params.tiles.y;
    let plane = tile / params.tiles.y;

    // The two long axes are the last two; a batch stands before them.
    let y = params.axes[params.rank - 2u];
    let x = params.axes[params.rank - 1u];
    let rows = y.outputs;
    let columns = x.outputs;
    let step_y = u32(y.tap_step);
    let step_x = u32(x.tap_step);
    let pitch = params.stage.y;

    let first_y = tile_y * 4u * WORKGROUP_Y;
    let first_x = tile_x * WORKGROUP_X;
    let column = first_x + local.x;
    let row0 = first_y + local.y;
    let row1 = row0 + WORKGROUP_Y;
    let row2 = row1 + WORKGROUP_Y;
    let row3 = row2 + WORKGROUP_Y;
    let base_y = advance(y, first_y);
    let base_x = advance(x, first_x);
    // Outputs beyond the end read the tile's first sample; they are not stored.
    let at_x = u32(select(0, advance(x, column) - base_x, column < columns));
    let at0 = at_x + pitch * u32(select(0, advance(y, row0) - base_y, row0 < rows));
    let at1 = at_x + pitch * u32(select(0, advance(y, row1) - base_y, row1 < rows));
    let at2 = at_x + pitch * u32(select(0, advance(y, row2) - base_y, row2 < rows));
    let at3 = at_x + pitch * u32(select(0, advance(y, row3) - base_y, row3 < rows));
    var sum0 = zero();
    var sum1 = zero();
    var sum2 = zero();
    var sum3 = zero();

    let width = u32(samples(x));
    let plane_start = plane * u32(samples(y)) * width;
    for (var chunk_y = 0u; chunk_y < y.taps; chunk_y += params.chunk.x) {
        let end_y = min(chunk_y + params.chunk.x, y.taps);
        let start_y = y.start + base_y + i32(chunk_y * step_y);
        for (var chunk_x = 0u; chunk_x < x.taps; chunk_x += params.chunk.y) {
            let end_x = min(chunk_x + params.chunk.y, x.taps);
            let start_x = x.start + base_x + i32(chunk_x * step_x);

            workgroupBarrier();
            // The same for the whole workgroup: only tiles at the ends pay for the edges.
            if is_inside(y, start_y, params.stage.x) && is_inside(x, start_x, pitch) {
                let corner = plane_start + u32(start_y) * width + u32(start_x);
                for (var r = local.y; r < params.stage.x; r += WORKGROUP_Y) {
                    for (var c = local.x; c < pitch; c += WORKGROUP_X) {
                        stage[r * pitch + c] = input[corner + r * width + c];
                    }
                }
            } else {
                for (var r = local.y; r < params.stage.x; r += WORKGROUP_Y) {
                    let source_y = resolve(y, start_y + i32(r));
                    for (var c = local.x; c < pitch; c += WORKGROUP_X) {
                        let source_x = resolve(x, start_x + i32(c));
                        if source_x < 0 {
                            // The later axis has the last word.
                            stage[r * pitch + c] = weights[params.rank - 1u];
                        } else if source_y < 0 {
                            stage[r * pitch + c] = weights[params.rank - 2u];
                        } else {
                            stage[r * pitch + c] =
                                input[plane_start + u32(source_y) * width + u32(source_x)];
                        }
                    }
                }
            }
            workgroupBarrier();

            for (var tap_y = chunk_y; tap_y < end_y; tap_y++) {
                let row = (tap_y - chunk_y) * step_y * pitch;
                for (var tap_x = chunk_x; tap_x < end_x; tap_x++) {
                    let w = weights[MAX_RANK + tap_y * x.taps + tap_x];
                    let offset = row + (tap_x - chunk_x) * step_x;
                    sum0 = mul_add(sum0, w, stage[at0 + offset]);
                    sum1 = mul_add(sum1, w, stage[at1 + offset]);
                    sum2 = mul_add(sum2, w, stage[at2 + offset]);
                    sum3 = mul_add(sum3, w, stage[at3 + offset]);
                }
            }
        }
    }

    if column >= columns {
        return;
    }
    let out = plane * rows * columns + column;
    if row0 < rows {
        output[out + row0 * columns] = sum0;
    }
    if row1 < rows {
        output[out + row1 * columns] = sum1;
    }
    if row2 < rows {
        output[out + row2 * columns] = sum2;
    }
    if row3 < rows {
        output[out + row3 * columns] = sum3;
    }
}
