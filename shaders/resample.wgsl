// One axis of the coarse method, over rows of texels of four channels: each output is a sum over a line of
// neighbouring inputs. Outputs begin at inputs that lie the axis's stride apart, params.chunk.x outputs at
// each, and each of these has taps of its own, a row of `weights`. params.chunk.y is 0 along columns and 1
// along rows. One output per invocation: lines are short, and caches keep them.

fn texel_of(number: u32, axis: Axis, position: i32, other: u32) -> Quad {
    let width = u32(samples(params.axes[1]));
    let at = resolve(axis, position * axis.channels);
    if at < 0 {
        let value = outside(number);
        return quad(value, value, value, value);
    }
    if number == 0u {
        return load_quad_of(u32(at), 4u * other, width);
    }
    return load_quad_of(other, u32(at), width);
}

fn summed(number: u32, output: u32, other: u32) -> Quad {
    let axis = params.axes[number];
    let phases = params.chunk.x;
    let first = i32(output / phases) * axis.stride + axis.start / axis.channels;
    let weight = TAPS_START + output % phases * ((axis.taps + 3u) / 4u);
    var sum = quad_zero();
    for (var tap = 0u; tap < axis.taps; tap += 4u) {
        let w = weights[weight + tap / 4u];
        let at = first + i32(tap);
        sum = quad_mul_add(sum, w.x, texel_of(number, axis, at, other));
        // What stands beyond the last tap may be no number.
        if tap + 1u < axis.taps {
            sum = quad_mul_add(sum, w.y, texel_of(number, axis, at + 1, other));
        }
        if tap + 2u < axis.taps {
            sum = quad_mul_add(sum, w.z, texel_of(number, axis, at + 2, other));
        }
        if tap + 3u < axis.taps {
            sum = quad_mul_add(sum, w.w, texel_of(number, axis, at + 3, other));
        }
    }
    return sum;
}

@compute @workgroup_size(WORKGROUP_X)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
) {
    output_start = params.output_start;
    let columns = params.axes[1].outputs / 4u;
    let number = (group.y * groups.x + group.x) * WORKGROUP_X + local.x;
    if number >= params.axes[0].outputs * columns {
        return;
    }
    let row = number / columns;
    let column = number % columns;
    var sum: Quad;
    if params.chunk.y == 0u {
        sum = summed(0u, row, column);
    } else {
        sum = summed(1u, column, row);
    }
    store_quad_of(row, 4u * column, 4u * columns, mended(sum, row, column));
}
