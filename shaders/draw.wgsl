// Texels of our own drawn where they stand into a texture that no shader can store to.

@group(0) @binding(0) var texels: texture_2d<f32>;

// One triangle that covers everything.
@vertex
fn corner(@builtin(vertex_index) i: u32) -> @builtin(position) vec4<f32> {
    let at = vec2<f32>(f32(i & 1u), f32(i >> 1u));
    return vec4<f32>(4.0 * at - 1.0, 0.0, 1.0);
}

@fragment
fn main(@builtin(position) at: vec4<f32>) -> @location(0) vec4<f32> {
    return textureLoad(texels, vec2<u32>(at.xy), 0);
}
