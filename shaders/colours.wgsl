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

// The nearest of so many levels from 0 to 1. Devices may store either of the two levels beside a value: they
// round, or cut off, and some of these count one level more than there are steps. Ours is rounded here, and so
// little above its level that all take that. Zero stays as it is, and what is not a number becomes zero: a
// shader may assume that there are none, so that bits are looked at.
fn nearest_level(values: vec4<f32>, levels: f32) -> vec4<f32> {
    let nearest = round(clamp(values, vec4<f32>(), vec4<f32>(1.0)) * levels);
    let bits = bitcast<vec4<u32>>(values) & vec4<u32>(0x7fffffffu);
    let is_zero = (nearest == vec4<f32>()) | (bits > vec4<u32>(0x7f800000u));
    return select((nearest + 0.125 * (1.0 - nearest / levels)) / levels, vec4<f32>(), is_zero);
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
