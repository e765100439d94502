// Storing the STORED_CHANNELS channels, 1 or 4, of the texels of a rectangle of a texture, which are
// neighbours. `Output` is a storage texture of some format, whose texels are only written, and only as a
// whole.

@group(0) @binding(3) var output: Output;

// Numbers of half precision, to nearest: devices may cut them off. What is no number stays what it is, and
// what has fewer digits there is left to the device.
fn halves(values: Quad) -> Quad {
    let bits = bitcast<vec4<u32>>(values);
    let nearest = bits + vec4<u32>(0x0fffu) + ((bits >> vec4<u32>(13u)) & vec4<u32>(1u));
    let is_number = (bits & vec4<u32>(0x7f800000u)) != vec4<u32>(0x7f800000u);
    return bitcast<vec4<f32>>(select(bits, nearest & vec4<u32>(0xffffe000u), is_number));
}

// Numbers as the format has them.
fn level(values: Quad) -> Quad {
    if STORED_HALVES {
        return halves(values);
    }
    if STORED_LEVELS == 0.0 {
        return values;
    }
    return nearest_level(values, STORED_LEVELS);
}

// What is stored of results: levels of light, and colours without their alpha. Where alpha becomes 0 there is
// no colour.
fn stored(values: Quad) -> Quad {
    let is_divided = STORED_WEIGHED || (STORED_PREMULTIPLIED && STORED_ENCODED);
    var alpha = values.a;
    if STORED_BOUNDED {
        alpha = clamp(alpha, 0.0, 1.0);
    }
    if STORED_LEVELS > 0.0 {
        alpha = clamp(alpha, 0.0, 1.0);
        alpha = select(alpha, 0.0, round(alpha * STORED_LEVELS) == 0.0);
    }
    var colours = values.rgb;
    if is_divided {
        colours = without_alpha(colours, alpha);
    }
    if STORED_ENCODED {
        colours = levels_of(colours);
    }
    if STORED_PREMULTIPLIED && STORED_ENCODED {
        colours *= alpha;
    }
    if STORED_PREMULTIPLIED && STORED_LEVELS > 0.0 {
        colours = min(colours, vec3<f32>(alpha));
    }
    return vec4<f32>(colours, values.a);
}

fn position(i: u32) -> vec2<u32> {
    let texel = (output_start + i) / STORED_CHANNELS;
    return params.output_origin + vec2<u32>(texel % params.widths.y, texel / params.widths.y);
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
        textureStore(output, position(i), level(stored(values)));
        return;
    }
    store(i, component0(values));
    store(i + 1u, component1(values));
    store(i + 2u, component2(values));
    store(i + 3u, component3(values));
}

// Where rows of outputs are rows of the rectangle no place has to be divided by its width.
fn store_quad_of(row: u32, column: u32, width: u32, values: Quad) {
    let is_row = width == STORED_CHANNELS * params.widths.y && output_start == 0u;
    if STORED_CHANNELS == 4u && is_row {
        textureStore(output, params.output_origin + vec2<u32>(column / 4u, row), level(stored(values)));
        return;
    }
    store_quad(row * width + column, values);
}

fn holds_finite(i: u32) -> bool {
    return true;
}
