// Sums that are not finite are made anew from the source, over their own windows: on a coarse grid an
// infinity reaches farther, and what is large may overflow. The kernel's axes are params.axes 2 and 3; its
// taps along either stand behind those of the pass, and the values outside are the third and the fourth.

@group(0) @binding(4) var source: texture_2d<f32>;

fn mended(sum: Quad, row: u32, column: u32) -> Quad {
    if is_finite(sum.x) && is_finite(sum.y) && is_finite(sum.z) && is_finite(sum.w) {
        return sum;
    }
    let y = params.axes[2];
    let x = params.axes[3];
    let taps_y = TAPS_START + params.chunk.x * ((params.axes[0].taps + 3u) / 4u);
    let taps_x = taps_y + (y.taps + 3u) / 4u;
    var all = quad_zero();
    for (var i = 0u; i < y.taps; i++) {
        let at_y = resolve(y, y.start + i32(row + i));
        var line = quad_zero();
        for (var j = 0u; j < x.taps; j++) {
            let at_x = resolve(x, x.start + 4 * i32(column + j));
            var value: Quad;
            if at_x < 0 {
                value = Quad(outside(3u));
            } else if at_y < 0 {
                value = Quad(outside(2u));
            } else {
                let at = params.input_origin + vec2<u32>(u32(at_x) / 4u, u32(at_y));
                value = loaded(textureLoad(source, at, 0));
            }
            line = quad_mul_add(line, component(weights[taps_x + j / 4u], j % 4u), value);
        }
        all = quad_mul_add(all, component(weights[taps_y + i / 4u], i % 4u), line);
    }
    return all;
}
