// Planes of f32, one behind the other, become the channels of a storage texture. One texel per
// invocation. Joined behind a line that says what `Destination` is, which depends on its format.

override CHANNELS: u32 = 4u;

struct Planes {
    width: u32,
    height: u32,
    // Elements from one plane to the next.
    pitch: u32,
}

@group(0) @binding(0) var<storage, read> params: Planes;
@group(0) @binding(1) var<storage, read> planes: array<f32>;
@group(0) @binding(2) var destination: Destination;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) at: vec3<u32>) {
    if at.x >= params.width || at.y >= params.height {
        return;
    }
    var texel = vec4<f32>(0.0, 0.0, 0.0, 1.0);
    for (var channel = 0u; channel < CHANNELS; channel++) {
        texel[channel] = planes[channel * params.pitch + at.y * params.width + at.x];
    }
    textureStore(destination, at.xy, texel);
}
