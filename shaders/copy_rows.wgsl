// Copies rows of words from one layout to another. Joined behind a line that says what `Word` is.

override WORKGROUP: u32 = 64u;

struct Rows {
    rows: u32,
    // Words of a row.
    words: u32,
    // The first word of the first row, and words from one row to the next.
    source_start: u32,
    source_pitch: u32,
    target_start: u32,
    target_pitch: u32,
}

@group(0) @binding(0) var<storage, read> params: Rows;
@group(0) @binding(1) var<storage, read> source: array<Word>;
@group(0) @binding(2) var<storage, read_write> destination: array<Word>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = (group.y * groups.x + group.x) * WORKGROUP + local;
    if i >= params.rows * params.words {
        return;
    }
    let row = i / params.words;
    let word = i - row * params.words;
    destination[params.target_start + row * params.target_pitch + word] =
        source[params.source_start + row * params.source_pitch + word];
}
