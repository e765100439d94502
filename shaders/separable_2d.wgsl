// Separable convolution along two axes, for every plane of a batch: rows and columns in one pass,
// for a sum of TERMS outer products. A workgroup stages the rows under its tile strip by strip and
// filters them along the inner axis into workgroup memory; then each invocation filters ROWS
// neighbouring outputs of one column of quads along the outer axis. `weights` holds for each term
// the row of inner taps, then a quad for each outer tap, which is its first element. The lines for
// each register and tap are generated in front of this file (src/gpu/unrolled.rs): `Sums`,
// `no_sums`, `filtered`, `add_column` and `store_sums`.

const TILE_ROWS: u32 = ROWS * WORKGROUP_Y;
const BETWEEN_ROWS: u32 = TILE_ROWS + TAPS_Y - 1u;
const TERM: u32 = TAP_QUADS + TAPS_Y;

// Rows filtered along the inner axis, of WORKGROUP_X quads each.
var<workgroup> between: array<Quad, BETWEEN_ROWS * WORKGROUP_X>;

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
    let tile = tile_at(number, TILE_ROWS, 4u * WORKGROUP_X);

    let start_y = outer_axis().start + i32(tile.row);
    let start_x = inner_axis().start + i32(tile.column);
    var sums = no_sums();
    for (var term = 0u; term < TERMS; term++) {
        let weight = TAPS_START + term * TERM;
        for (var strip = 0u; strip < BETWEEN_ROWS; strip += stage_rows()) {
            let rows = min(stage_rows(), BETWEEN_ROWS - strip);
            workgroupBarrier();
            fill_stage(tile.plane, start_y + i32(strip), start_x, rows, index);
            workgroupBarrier();
            for (var i = index; i < rows * WORKGROUP_X; i += INVOCATIONS) {
                let at = i / WORKGROUP_X * PITCH + i % WORKGROUP_X;
                between[strip * WORKGROUP_X + i] = filtered(at, weight);
            }
        }
        workgroupBarrier();
        let at = local.y * ROWS * WORKGROUP_X + local.x;
        for (var r = 0u; r < TAPS_Y + ROWS - 1u; r++) {
            add_column(&sums, at + r * WORKGROUP_X, r, TAPS_Y, weight + TAP_QUADS);
        }
    }
    store_sums(sums, tile.plane, tile.row + local.y * ROWS, tile.column + local.x * 4u);
}
