// Paints a blurred texture over the viewport, texel by texel, with rounded corners.

// 1 where the target holds levels of sRGB that nobody else encodes.
override encodes: bool;

@group(0) @binding(0) var blurred: texture_2d<f32>;

struct Corner {
    @builtin(position) position: vec4<f32>,
    // From 0 to 1 over the viewport.
    @location(0) at: vec2<f32>,
    @location(1) @interpolate(flat) radius: u32,
}

// A triangle that covers the viewport.
@vertex
fn corner(@builtin(vertex_index) vertex: u32, @builtin(instance_index) radius: u32) -> Corner {
    let at = 2.0 * vec2<f32>(f32(vertex & 1u), f32(vertex >> 1u));
    return Corner(vec4<f32>(2.0 * at.x - 1.0, 1.0 - 2.0 * at.y, 0.0, 1.0), at, radius);
}

fn levels(light: vec3<f32>) -> vec3<f32> {
    let curve = 1.055 * pow(max(light, vec3<f32>(0.0)), vec3<f32>(1.0 / 2.4)) - 0.055;
    return select(curve, 12.92 * light, light <= vec3<f32>(0.0031308));
}

@fragment
fn color(corner: Corner) -> @location(0) vec4<f32> {
    let size = vec2<f32>(textureDimensions(blurred));
    let at = corner.at * size;
    // How far outside of the rounded rectangle.
    let radius = min(f32(corner.radius), 0.5 * min(size.x, size.y));
    let beyond = abs(at - 0.5 * size) - 0.5 * size + radius;
    let outside = length(max(beyond, vec2<f32>(0.0))) + min(max(beyond.x, beyond.y), 0.0) - radius;
    let covered = clamp(0.5 - outside, 0.0, 1.0);
    let light = textureLoad(blurred, vec2<u32>(at), 0).rgb;
    return covered * vec4<f32>(select(light, levels(light), encodes), 1.0);
}
