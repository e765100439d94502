// Loading numbers of type `Input` from a buffer. `load` and `load_quad` are all that a method knows of
// its input; they are joined behind extended.wgsl.

@group(0) @binding(1) var<storage, read> input: array<Input>;

// Sample `i` of the input.
fn load(i: u32) -> Element {
    return Element(input[params.input_start + i]);
}

// Four neighbours from sample `i` on; all of them are in the input.
fn load_quad(i: u32) -> Quad {
    return quad(load(i), load(i + 1u), load(i + 2u), load(i + 3u));
}
