// Loading what a shader sees of a rectangle of a texture: its LOADED_CHANNELS channels, 1 or 4, are
// neighbours.

@group(0) @binding(1) var input: texture_2d<f32>;

fn texel_at(x: u32, y: u32) -> vec4<f32> {
    return loaded(textureLoad(input, params.input_origin + vec2<u32>(x, y), 0));
}

fn texel(at: u32) -> vec4<f32> {
    let i = at / LOADED_CHANNELS;
    return texel_at(i % params.widths.x, i / params.widths.x);
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

// Where rows of samples are rows of the rectangle no place has to be divided by its width.
fn load_quad_of(row: u32, column: u32, width: u32) -> Quad {
    let is_row = width == LOADED_CHANNELS * params.widths.x && params.input_start == 0u;
    if !is_row || column % LOADED_CHANNELS > 0u {
        return load_quad(row * width + column);
    }
    let x = column / LOADED_CHANNELS;
    let first = texel_at(x, row);
    if LOADED_CHANNELS == 4u {
        return first;
    }
    return quad(
        first.x,
        texel_at(x + 1u, row).x,
        texel_at(x + 2u, row).x,
        texel_at(x + 3u, row).x,
    );
}
