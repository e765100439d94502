// Unsigned integers of 8 or 16 bits, packed into words, become f32. One sample per invocation.

override WORKGROUP: u32 = 64u;
override BITS: u32 = 8u;

@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> destination: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = (group.y * groups.x + group.x) * WORKGROUP + local;
    if i >= arrayLength(&destination) {
        return;
    }
    let per_word = 32u / BITS;
    let place = i % per_word * BITS;
    destination[i] = f32(extractBits(source[i / per_word], place, BITS));
}
