// f32 become unsigned integers of 8 or 16 bits: rounded to nearest (ties to even), saturated, 0
// where they are not a number, packed into words. One word per invocation.

override WORKGROUP: u32 = 64u;
override BITS: u32 = 8u;

@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read_write> destination: array<u32>;

// A shader may assume that there are no NaNs, so that `value != value` could be dropped.
fn is_nan(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
}

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
    let largest = f32((1u << BITS) - 1u);
    let samples = arrayLength(&source);
    var word = 0u;
    for (var j = 0u; j < per_word; j++) {
        let at = i * per_word + j;
        if at < samples {
            let value = source[at];
            let rounded = select(round(clamp(value, 0.0, largest)), 0.0, is_nan(value));
            word = insertBits(word, u32(rounded), j * BITS, BITS);
        }
    }
    destination[i] = word;
}
