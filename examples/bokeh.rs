//! Depth of field: lights far behind become polygons, as an aperture of six blades makes them, and what is near
//! stays sharp.
//!
//! `cargo run --release --features image --example bokeh -- [OUT]`
//!
//! Lights are fifty times as bright as white. Clipped before they are spread, they would leave grey: light is kept
//! in half precision until the picture is developed. What hides a light takes no part in its blur: alpha says what
//! is far, and colours count by it.

use std::env;
use std::error::Error;
use std::path::PathBuf;

use convolve::wgpu::{self, TextureFormat, TextureUsages};
use convolve::{Alpha, Boundary, Convolver, GpuTexture, filters};

mod frames;

const SIZE: [u32; 2] = [640, 360];

/// Light in red, green and blue, and how much of it is far: a street at night behind a ball.
const SCENE: &str = "
@fragment
fn color(corner: Corner) -> @location(0) vec4<f32> {
    let at = corner.position.xy;
    let size = vec2<f32>(640.0, 360.0);
    var far = mix(vec3<f32>(0.01, 0.015, 0.04), vec3<f32>(0.06, 0.04, 0.03), at.y / size.y);
    var lamps = array<vec3<f32>, 4>(
        vec3<f32>(1.0, 0.6, 0.25), vec3<f32>(1.0, 0.85, 0.6),
        vec3<f32>(1.0, 0.15, 0.1), vec3<f32>(0.3, 0.7, 1.0),
    );
    for (var lamp = 0u; lamp < 48u; lamp++) {
        // Multiples of two irrational numbers spread over the picture.
        let place = fract(0.3 + f32(lamp) * vec2<f32>(0.754878, 0.569840)) * size;
        let color = lamps[u32(4.0 * fract(0.618034 * f32(lamp)))];
        far += 50.0 * color * clamp(2.2 - distance(at, place), 0.0, 1.0);
    }
    let ball = (at - vec2<f32>(400.0, 205.0)) / 110.0;
    let is_near = clamp(110.0 * (1.0 - length(ball)), 0.0, 1.0);
    let normal = vec3<f32>(ball, -sqrt(max(1.0 - dot(ball, ball), 0.0)));
    let lit = 0.03 + 0.5 * max(dot(normal, normalize(vec3<f32>(-0.6, -0.7, -0.5))), 0.0);
    // Fine stripes show that it is in focus.
    let stripes = 0.6 + 0.4 * sin(40.0 * (normal.x + 0.4 * normal.z)) * sin(40.0 * normal.y);
    let near = lit * stripes * vec3<f32>(0.9, 0.75, 0.4);
    return vec4<f32>(select(far, near, is_near > 0.0), 1.0 - is_near);
}
";

/// What is far out of focus, what is near as it is, and both as eyes see them.
const DEVELOP: &str = "
@group(0) @binding(0) var sharp: texture_2d<f32>;
@group(0) @binding(1) var blurred: texture_2d<f32>;

@fragment
fn color(corner: Corner) -> @location(0) vec4<f32> {
    let at = vec2<u32>(corner.position.xy);
    let near = textureLoad(sharp, at, 0);
    let light = mix(near.rgb, textureLoad(blurred, at, 0).rgb, near.a);
    return vec4<f32>(1.0 - exp(-2.0 * light), 1.0);
}
";

fn main() -> Result<(), Box<dyn Error>> {
    let output = env::args_os().nth(1).map(PathBuf::from);
    let output = output.unwrap_or_else(|| env::temp_dir().join("bokeh.png"));

    // An application brings its own device: `Convolver::with_device`.
    let convolver = Convolver::new();
    let gpu = convolver.gpu()?;
    let (device, queue) = (gpu.device(), gpu.queue());
    let drawn = TextureUsages::RENDER_ATTACHMENT;
    let (light, read) = (TextureFormat::Rgba16Float, TextureUsages::TEXTURE_BINDING);
    let sharp = frames::texture(device, light, SIZE, drawn | read);
    let blurred = frames::texture(device, light, SIZE, TextureUsages::STORAGE_BINDING | read);
    let levels = TextureFormat::Rgba8UnormSrgb;
    let screen = frames::texture(device, levels, SIZE, drawn | TextureUsages::COPY_SRC);
    let views = [&sharp, &blurred, &screen].map(|it| it.create_view(&Default::default()));
    let scene = frames::fills(device, light, SCENE);
    let develop = frames::fills(device, levels, DEVELOP);
    let both = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &develop.get_bind_group_layout(0),
        entries: &[0, 1].map(|binding: u32| wgpu::BindGroupEntry {
            binding,
            resource: wgpu::BindingResource::TextureView(&views[binding as usize]),
        }),
    });

    // An aperture of six blades, with a radius of 14 texels.
    let lens = convolver.filter(&filters::polygon(14.0, 6, 15.0)?).boundary(Boundary::Nearest);
    let lens = lens.for_textures((SIZE[1] as usize, SIZE[0] as usize))?;
    // What is near has no weight where the far is read, and gets none where it is written.
    let far = |texture| GpuTexture::new(texture).alpha(Alpha::Straight);
    println!("{}\n{:?}", lens.plan()?, lens.cost(far(&sharp), far(&blurred))?);

    let mut encoder = device.create_command_encoder(&Default::default());
    let mut pass = frames::draw_to(&mut encoder, &views[0]);
    pass.set_pipeline(&scene);
    pass.draw(0..3, 0..1);
    drop(pass);
    lens.encode(&mut encoder, far(&sharp), far(&blurred))?;
    let mut pass = frames::draw_to(&mut encoder, &views[2]);
    pass.set_pipeline(&develop);
    pass.set_bind_group(0, &both, &[]);
    pass.draw(0..3, 0..1);
    drop(pass);
    queue.submit([encoder.finish()]);

    frames::picture(device, queue, &screen)?.save(&output)?;
    println!("{}", output.display());
    Ok(())
}
