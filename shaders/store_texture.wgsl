// Storing the STORED_CHANNELS channels, 1 or 4, of a texture's texels, which are neighbours. `Output` is
// a storage texture of some format, whose texels are only written, and only as a whole.

@group(0) @binding(3) var output: Output;

fn position(i: u32) -> vec2<u32> {
    let texel = (params.output_start + i) / STORED_CHANNELS;
    let width = textureDimensions(output).x;
    return vec2<u32>(texel % width, texel / width);
}

fn store(i: u32, value: Element) {
    // One of four channels would take the others with it: there is no such shader, and rows have whole
    // texels.
    if STORED_CHANNELS == 1u {
        textureStore(output, position(i), vec4<f32>(value, 0.0, 0.0, 1.0));
    }
}

// With four channels `i` is a multiple of four.
fn store_quad(i: u32, values: Quad) {
    if STORED_CHANNELS == 4u {
        textureStore(output, position(i), values);
        return;
    }
    store(i, component0(values));
    store(i + 1u, component1(values));
    store(i + 2u, component2(values));
    store(i + 3u, component3(values));
}

fn holds_finite(i: u32) -> bool {
    return true;
}
