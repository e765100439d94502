// Direct convolution of texels of four channels with any stride and any dilation, one output per
// invocation. Nothing is staged: strides leave most inputs to few outputs, and caches keep them.

@compute @workgroup_size(WORKGROUP_X)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
) {
    output_start = params.output_start;
    let y = params.axes[0];
    let x = params.axes[1];
    let columns = x.outputs / 4u;
    let number = (group.y * groups.x + group.x) * WORKGROUP_X + local.x;
    if number >= y.outputs * columns {
        return;
    }
    let row = number / columns;
    let column = number % columns;
    let width = u32(samples(x));
    let start_y = y.start + i32(row) * y.stride;
    let start_x = x.start + 4 * i32(column) * x.stride;
    var sum = quad_zero();
    for (var i = 0u; i < y.taps; i++) {
        let at_y = resolve(y, start_y + i32(i) * y.tap_step);
        let weight = TAPS_START + i * ((x.taps + 3u) / 4u);
        for (var j = 0u; j < x.taps; j++) {
            let at_x = resolve(x, start_x + i32(j) * x.tap_step);
            var value: Quad;
            if at_x < 0 {
                // The later axis has the last word.
                value = Quad(outside(1u));
            } else if at_y < 0 {
                value = Quad(outside(0u));
            } else {
                value = load_quad_of(u32(at_y), u32(at_x), width);
            }
            sum = quad_mul_add(sum, component(weights[weight + j / 4u], j % 4u), value);
        }
    }
    store_quad_of(row, 4u * column, 4u * columns, sum);
}
