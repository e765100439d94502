// Direct convolution along one axis. A workgroup computes a tile of neighbouring outputs, four per
// invocation; for one chunk of taps at a time it stages the input under the tile.

override WORKGROUP_X: u32 = 256u;
override STAGE: u32 = 1024u;

var<workgroup> stage: array<Element, STAGE>;

@compute @workgroup_size(WORKGROUP_X)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
) {
    let tile = group.y * groups.x + group.x;
    if tile >= params.tiles.z {
        return;
    }
    let axis = params.axes[0];
    let step = u32(axis.tap_step);
    let outputs = axis.outputs;

    // Outputs of an invocation are a workgroup apart, so that neighbours read neighbours.
    let first = tile * 4u * WORKGROUP_X;
    let o0 = first + local.x;
    let o1 = o0 + WORKGROUP_X;
    let o2 = o1 + WORKGROUP_X;
    let o3 = o2 + WORKGROUP_X;
    let base = advance(axis, first);
    // Outputs beyond the end read the tile's first sample; they are not stored.
    let at0 = u32(select(0, advance(axis, o0) - base, o0 < outputs));
    let at1 = u32(select(0, advance(axis, o1) - base, o1 < outputs));
    let at2 = u32(select(0, advance(axis, o2) - base, o2 < outputs));
    let at3 = u32(select(0, advance(axis, o3) - base, o3 < outputs));
    var sum0 = zero();
    var sum1 = zero();
    var sum2 = zero();
    var sum3 = zero();

    for (var chunk = 0u; chunk < axis.taps; chunk += params.chunk.y) {
        let chunk_end = min(chunk + params.chunk.y, axis.taps);
        let start = axis.start + base + i32(chunk * step);
        workgroupBarrier();
        // The same for the whole workgroup: only tiles at the ends pay for the edges.
        if is_inside(axis, start, params.stage.y) {
            for (var i = local.x; i < params.stage.y; i += WORKGROUP_X) {
                stage[i] = input[u32(start) + i];
            }
        } else {
            for (var i = local.x; i < params.stage.y; i += WORKGROUP_X) {
                let source = resolve(axis, start + i32(i));
                if source >= 0 {
                    stage[i] = input[source];
                } else {
                    stage[i] = weights[0];
                }
            }
        }
        workgroupBarrier();
        for (var tap = chunk; tap < chunk_end; tap++) {
            let w = weights[MAX_RANK + tap];
            let offset = (tap - chunk) * step;
            sum0 = mul_add(sum0, w, stage[at0 + offset]);
            sum1 = mul_add(sum1, w, stage[at1 + offset]);
            sum2 = mul_add(sum2, w, stage[at2 + offset]);
            sum3 = mul_add(sum3, w, stage[at3 + offset]);
        }
    }

    if o0 < outputs {
        output[o0] = sum0;
    }
    if o1 < outputs {
        output[o1] = sum1;
    }
    if o2 < outputs {
        output[o2] = sum2;
    }
    if o3 < outputs {
        output[o3] = sum3;
    }
}
