// No method: every sample as it is, from one way of storing it to another. Four neighbours per
// invocation.

@compute @workgroup_size(WORKGROUP_X)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
) {
    output_start = params.output_start;
    let samples = params.axes[params.rank - 1u].outputs;
    let first = 4u * ((group.y * groups.x + group.x) * WORKGROUP_X + local.x);
    if first + 4u <= samples {
        store_quad(first, load_quad(first));
        return;
    }
    for (var i = first; i < samples; i++) {
        store(i, load(i));
    }
}
