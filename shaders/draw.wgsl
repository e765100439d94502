// Texels of our own drawn where they stand into a texture that no shader can store to. Joined behind
// colours.wgsl.

// What 1 is stored as, of colours and of alpha, where they are integers; 0 where they are not.
override LEVELS: f32;
override ALPHA_LEVELS: f32;
// Whether the device encodes colours along the curve of sRGB.
override ENCODED: bool;
// What alpha is to colours: 0 a channel like others, 1 divided out of them, 2 multiplied into them.
override ALPHA: u32;

struct Drawn {
    // Column and row of the first texel.
    origin: vec2<u32>,
}

@group(0) @binding(0) var texels: texture_2d<f32>;
@group(0) @binding(1) var<uniform> drawn: Drawn;

// One triangle that covers everything.
@vertex
fn corner(@builtin(vertex_index) i: u32) -> @builtin(position) vec4<f32> {
    let at = vec2<f32>(f32(i & 1u), f32(i >> 1u));
    return vec4<f32>(4.0 * at - 1.0, 0.0, 1.0);
}

@fragment
fn main(@builtin(position) at: vec4<f32>) -> @location(0) vec4<f32> {
    let texel = textureLoad(texels, vec2<u32>(at.xy) - drawn.origin, 0);
    var alpha = texel.a;
    if ALPHA_LEVELS > 0.0 {
        alpha = nearest_level(texel, ALPHA_LEVELS).a;
    }
    if ALPHA == 1u && ALPHA_LEVELS > 0.0 && alpha == 0.0 {
        // Where alpha becomes 0 there is no colour.
        return vec4<f32>();
    }
    var colours = texel;
    if ALPHA == 2u && LEVELS > 0.0 && !ENCODED {
        colours = min(colours, vec4<f32>(clamp(texel.a, 0.0, 1.0)));
    }
    if ENCODED {
        let levels = nearest_level(vec4<f32>(levels_of(texel.rgb), 0.0), LEVELS);
        colours = vec4<f32>(light_of(levels.rgb), 0.0);
    } else if LEVELS > 0.0 {
        colours = nearest_level(colours, LEVELS);
    }
    return vec4<f32>(colours.rgb, alpha);
}
