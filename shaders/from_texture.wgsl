// The channels of a texture become planes of f32, one behind the other. One texel per invocation.

override CHANNELS: u32 = 4u;

struct Planes {
    width: u32,
    height: u32,
    // Elements from one plane to the next.
    pitch: u32,
}

@group(0) @binding(0) var<storage, read> params: Planes;
@group(0) @binding(1) var source: texture_2d<f32>;
@group(0) @binding(2) var<storage, read_write> planes: array<f32>;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) at: vec3<u32>) {
    if at.x >= params.width || at.y >= params.height {
        return;
    }
    let texel = textureLoad(source, at.xy, 0);
    for (var channel = 0u; channel < CHANNELS; channel++) {
        planes[channel * params.pitch + at.y * params.width + at.x] = texel[channel];
    }
}
