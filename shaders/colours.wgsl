// Levels of textures and the light that they stand for: the curve of sRGB (IEC 61966-2-1).

fn light_of(levels: vec3<f32>) -> vec3<f32> {
    let curved = pow((levels + 0.055) / 1.055, vec3<f32>(2.4));
    return select(curved, levels / 12.92, levels <= vec3<f32>(0.04045));
}

// Of what is below black and above white, which no level shows, those.
fn levels_of(light: vec3<f32>) -> vec3<f32> {
    let shown = clamp(light, vec3<f32>(), vec3<f32>(1.0));
    let curved = 1.055 * pow(shown, vec3<f32>(1.0 / 2.4)) - 0.055;
    return select(curved, shown * 12.92, shown <= vec3<f32>(0.0031308));
}

// Colours that alpha is multiplied into, without it; what is transparent has none.
fn without_alpha(colours: vec3<f32>, alpha: f32) -> vec3<f32> {
    return select(vec3<f32>(), colours / alpha, alpha > 0.0);
}

// What is filtered of a texel: light, and colours times their alpha.
fn loaded(texel: vec4<f32>) -> vec4<f32> {
    let is_divided = LOADED_PREMULTIPLIED && LOADED_ENCODED;
    var colours = texel.rgb;
    if is_divided {
        colours = without_alpha(colours, texel.a);
    }
    if LOADED_ENCODED {
        colours = light_of(colours);
    }
    if LOADED_WEIGHED || is_divided {
        colours *= texel.a;
    }
    return vec4<f32>(colours, texel.a);
}
