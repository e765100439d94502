// Loading numbers of type `Input` from a buffer. `load`, `load_quad` and `load_quad_of` are all that a
// method knows of its input; they are joined behind extended.wgsl.

@group(0) @binding(1) var<storage, read> input: array<Input>;

// Sample `i` of the input.
fn load(i: u32) -> Element {
    return Element(input[params.input_start + i]);
}

// Four neighbours from sample `i` on; all of them are in the input.
fn load_quad(i: u32) -> Quad {
    return quad(load(i), load(i + 1u), load(i + 2u), load(i + 3u));
}

// The same from one column on, of one of all rows, which have `width` samples.
fn load_quad_of(row: u32, column: u32, width: u32) -> Quad {
    return load_quad(row * width + column);
}
