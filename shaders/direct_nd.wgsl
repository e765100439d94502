// Direct convolution along any number of axes up to MAX_RANK: one output per invocation, each
// sample read from global memory. As a repair (REPAIR) it computes only those outputs again that other
// passes left as something that is not finite.

@compute @workgroup_size(WORKGROUP_X)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
) {
    output_start = params.output_start;
    let flat = (group.y * groups.x + group.x) * WORKGROUP_X + local.x;
    var rest = flat;
    var start: array<i32, MAX_RANK>;
    for (var a = params.rank; a > 0u; a--) {
        let axis = params.axes[a - 1u];
        let o = rest % axis.outputs;
        rest = rest / axis.outputs;
        start[a - 1u] = axis.start + advance(axis, o);
    }
    // What is left of the index beyond the outermost axis counts outputs that do not exist.
    if rest > 0u {
        return;
    }
    if REPAIR && holds_finite(flat) {
        return;
    }

    var taps = 1u;
    for (var axis = 0u; axis < params.rank; axis++) {
        taps *= params.axes[axis].taps;
    }
    let last = params.rank - 1u;
    let inner = params.axes[last];
    var sum = zero();
    for (var row = 0u; row < taps; row += inner.taps) {
        // The row of the extended input under this row of taps: the same for all its taps.
        var index = 0u;
        var outer = -1;
        var step = u32(samples(inner));
        var tap_rest = row / inner.taps;
        for (var a = last; a > 0u; a--) {
            let axis = params.axes[a - 1u];
            let tap = i32(tap_rest % axis.taps);
            tap_rest = tap_rest / axis.taps;
            let source = resolve(axis, start[a - 1u] + tap * axis.tap_step);
            if source >= 0 {
                index += u32(source) * step;
            } else if outer < 0 {
                // Axes are seen from the last to the first, and the last has the last word.
                outer = i32(a - 1u);
            }
            step *= u32(samples(axis));
        }
        let weight = TAPS_START + row / inner.taps * ((inner.taps + 3u) / 4u);
        var p = start[last];
        for (var tap = 0u; tap < inner.taps; tap++) {
            let source = resolve(inner, p);
            var value: Element;
            if source < 0 {
                value = outside(last);
            } else if outer >= 0 {
                value = outside(u32(outer));
            } else {
                value = load(index + u32(source));
            }
            sum = mul_add(sum, component(weights[weight + tap / 4u], tap % 4u), value);
            p += inner.tap_step;
        }
    }
    store(flat, sum);
}
