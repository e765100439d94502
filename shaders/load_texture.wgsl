// Loading what a shader sees of a texture: its LOADED_CHANNELS channels, 1 or 4, are neighbours.

@group(0) @binding(1) var input: texture_2d<f32>;

fn texel(at: u32) -> vec4<f32> {
    let i = at / LOADED_CHANNELS;
    let width = textureDimensions(input).x;
    return textureLoad(input, vec2<u32>(i % width, i / width), 0);
}

fn load(i: u32) -> Element {
    let at = params.input_start + i;
    return texel(at)[at % LOADED_CHANNELS];
}

fn load_quad(i: u32) -> Quad {
    let at = params.input_start + i;
    if LOADED_CHANNELS == 4u && at % 4u == 0u {
        return texel(at);
    }
    return quad(load(i), load(i + 1u), load(i + 2u), load(i + 3u));
}
