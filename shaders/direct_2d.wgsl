// Direct convolution along two axes, for every plane of a batch. A workgroup computes a tile of
// outputs and stages the input under it, halo and edges included, for one chunk of taps at a time.
// Each invocation holds ROWS rows of QUADS quads of neighbouring outputs in registers: a staged row
// is read once for all of them. The lines for each register and tap are generated in front of this
// file (src/gpu/unrolled.rs): `Sums`, `no_sums`, `rows_at`, `add_row`, `add_rest` and `store_sums`.

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
    let tile = tile_at(number, ROWS * WORKGROUP_Y, 4u * QUADS * WORKGROUP_X);

    let start_y = outer_axis().start + i32(tile.row);
    let start_x = inner_axis().start + i32(tile.column);
    let at = local.y * ROWS * PITCH + local.x * QUADS;
    var sums = no_sums();
    for (var chunk_y = 0u; chunk_y < taps_y(); chunk_y += chunk_rows()) {
        let here_y = min(chunk_rows(), taps_y() - chunk_y);
        for (var chunk_x = 0u; chunk_x < taps_x(); chunk_x += chunk_columns()) {
            let here_x = min(chunk_columns(), taps_x() - chunk_x);
            workgroupBarrier();
            let y = start_y + i32(chunk_y);
            let x = start_x + i32(chunk_x * STEP);
            fill_stage(tile.plane, y, x, STAGE / PITCH, index);
            workgroupBarrier();
            // Chunks start at whole quads of taps.
            let weight = TAPS_START + chunk_y * tap_quads() + chunk_x / 4u;
            for (var r = 0u; r < here_y + ROWS - 1u; r += rows_at(r, here_y)) {
                let row = at + r * PITCH;
                var tap = 0u;
                for (; tap + UNROLL <= here_x; tap += UNROLL) {
                    add_row(&sums, row + tap / 4u * STEP, r, here_y, weight + tap / 4u);
                }
                // Chunks are whole multiples of what is unrolled, but for the last.
                if HAS_REST && tap < here_x {
                    add_rest(&sums, row + tap / 4u * STEP, r, here_y, weight + tap / 4u);
                }
            }
        }
    }
    store_sums(sums, tile.plane, tile.row + local.y * ROWS, tile.column + local.x * 4u * QUADS);
}
