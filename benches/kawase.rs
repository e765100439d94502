//! Dual Kawase blurs beside Gaussians in textures: what they move, and how far they are from a Gaussian.
//!
//! `cargo bench --bench kawase > benches/results/kawase.md`. Nothing is timed: passes and bytes are counted, the
//! dual Kawase blur is computed as a GPU's samplers would, and this library's responses come from the adapter
//! that is there.

use std::error::Error;

use convolve::wgpu::{self, TextureFormat, TextureUsages};
use convolve::{
    Boundary, Convolver, GpuDevice, Method, TextureCost, TextureFilter, Tolerance, filters,
};

use kawase::{Deviation, Gaussian, Kawase, Plane, Response};

#[path = "common/kawase.rs"]
mod kawase;

/// Beyond some 60,000 taps software adapters run nothing on coarser grids: their drivers end long loops.
const SIGMAS: [f64; 4] = [4.0, 8.0, 16.0, 30.0];
/// Width and height.
const SIZES: [[usize; 2]; 2] = [[1920, 1080], [3840, 2160]];
const FORMATS: [(TextureFormat, f64); 2] =
    [(TextureFormat::Rgba8Unorm, 4.0), (TextureFormat::Rgba16Float, 8.0)];
const DEPTHS: std::ops::RangeInclusive<u32> = 1..=6;

const HEAD: &str = "\
# Gaussians in textures beside dual Kawase blurs

What one would write by hand for a wide blur in a frame: the dual filter of Bjorge (ARM, \"Bandwidth-efficient
rendering\", SIGGRAPH 2015), which halves a picture a few times with five bilinear samples a texel and doubles it as
often with eight. Compositors and engines use it, and scale the distances of its samples by an offset to get widths
between two depths. So does this page: for each sigma it takes the depth and the offset, from 1 to 4 half texels of
what is read, whose responses to a point of light are nearest to that Gaussian by the sum of squares.

Made by `cargo bench --bench kawase > benches/results/kawase.md`. **No GPU was timed.** Passes and bytes are
counted; the responses of the dual filter are computed with exact bilinear samples, those of this library are what a
software adapter gave. A GPU's samplers have weights of eight bits, and textures of half precision or of levels
between passes add what they round.

Two blurs of this library are compared: a Gaussian as it is, and one on coarser grids (`Method::Coarse`) within a
quarter of a level of eight bits (`Tolerance::Levels(0.25)`), which is proved for every input: a share of its largest
sample, so that a point's own peak, which is lower the wider the blur is, may be off by more of itself.
";

const ERRORS: &str = "
## How far from a Gaussian

A point of light, blurred: deviations from the nearest Gaussian within four sigma, in percent of that Gaussian's peak.
What a coarser grid makes of a point depends on where it lies: over the 2^n places along a row and as many along the
diagonal for n halvings, \"between places\" is the largest difference that this makes to one texel, and \"moved\" how
far the light's centre is from the point, in texels. It is what makes moving lights shimmer and swim. This
library's Gaussians end at four sigma.

| sigma | blur | nearest sigma | largest | RMS | between places | moved |
| --- | --- | --- | --- | --- | --- | --- |";

const MOVES: &str = "
## What is moved

Dispatches or draws, and bytes that are read and written for each texel of the result: each texel once for every pass
that reads or writes it, as `TextureFilter::cost` counts. Of the dual filter, \"samples\" are bilinear ones; of a
Gaussian they are multiply-adds, of texels that a workgroup reads once into memory that it shares (it reads its
neighbours' texels besides).";

/// Depth and offset for a sigma: of the depths that can do it the one that is nearest to a Gaussian.
fn dual(sigma: f64) -> Option<Kawase> {
    let narrower = |&levels: &u32| Kawase { levels, offset: 1.0 }.sigma() <= sigma;
    let found = DEPTHS.take_while(narrower).filter_map(|levels| Kawase::of_sigma(levels, sigma));
    let apart = |blur: &Kawase| Gaussian { sigma }.deviation(&blur.responses(4)).rms;
    found.min_by(|a, b| apart(a).total_cmp(&apart(b)))
}

/// Of this library, by their names in tables.
fn gaussians(
    convolver: &Convolver,
    sigma: f64,
) -> convolve::Result<Vec<(&'static str, TextureFilter)>> {
    let filter = convolver.filter(&filters::gaussian(sigma)?).boundary(Boundary::Nearest);
    let size = (SIZES[0][1], SIZES[0][0]);
    let mut named = vec![("Gaussian", filter.for_textures(size)?)];
    // Asked for by name: what it costs on this adapter says nothing of others. Narrow ones are refused.
    let coarse = filter.tolerance(Tolerance::Levels(0.25)).method(Method::Coarse);
    named
        .extend(coarse.for_textures(size).ok().map(|coarse| ("Gaussian on coarser grids", coarse)));
    Ok(named)
}

fn texture(
    gpu: &GpuDevice,
    format: TextureFormat,
    [width, height]: [usize; 2],
    usage: TextureUsages,
) -> wgpu::Texture {
    let [width, height] = [width, height].map(|n| n as u32);
    gpu.device().create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage,
        view_formats: &[],
    })
}

/// What the adapter makes of a point of light.
fn response(
    gpu: &GpuDevice,
    filter: &TextureFilter,
    side: usize,
    at: [usize; 2],
) -> Result<Response, Box<dyn Error>> {
    // Coarser grids are for texels of four channels.
    let format = TextureFormat::Rgba32Float;
    let (read, copied) = (TextureUsages::TEXTURE_BINDING, TextureUsages::COPY_DST);
    let source = texture(gpu, format, [side; 2], read | copied);
    let stored = TextureUsages::STORAGE_BINDING | TextureUsages::COPY_SRC;
    let result = texture(gpu, format, [side; 2], stored);
    // A multiple of 16 texels: rows have no gaps.
    let layout = wgpu::TexelCopyBufferLayout {
        offset: 0,
        bytes_per_row: Some(16 * side as u32),
        rows_per_image: None,
    };
    let point = Plane::impulse(side, at);
    let bytes = point.samples.iter().flat_map(|sample| [sample.to_le_bytes(); 4]);
    let bytes = bytes.flatten().collect::<Vec<u8>>();
    gpu.queue().write_texture(source.as_image_copy(), &bytes, layout, source.size());
    let download = gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: bytes.len() as u64,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    filter.encode(&mut encoder, &source, &result)?;
    let copy = wgpu::TexelCopyBufferInfo { buffer: &download, layout };
    encoder.copy_texture_to_buffer(result.as_image_copy(), copy, result.size());
    gpu.queue().submit([encoder.finish()]);
    download.map_async(wgpu::MapMode::Read, .., |_| {});
    gpu.device().poll(wgpu::PollType::wait_indefinitely())?;
    let bytes = download.get_mapped_range(..)?;
    let sample = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("four bytes"));
    let samples = bytes.chunks_exact(16).map(|texel| sample(&texel[..4])).collect();
    Ok(Response::of(&Plane { side, samples }, at, side / 2 - 32))
}

/// How far they are from the nearest Gaussian, as a row of a table; the largest deviation.
fn print_errors(sigma: f64, name: &str, responses: &[Response]) -> f64 {
    let nearest = Gaussian::nearest(responses);
    let Deviation { most, rms, shifts, moved, .. } = nearest.deviation(responses);
    let [largest, rms, shifts] = [most, rms, shifts].map(|share| 100.0 * share);
    let fitted = nearest.sigma;
    println!(
        "| {sigma} | {name} | {fitted:.2} | {largest:.2} % | {rms:.3} % | {shifts:.2} % | {moved:.2} |"
    );
    most
}

/// By format: of the whole, read and written for a texel.
fn bytes(moved: impl Fn(usize) -> [f64; 2]) -> String {
    let pairs = [0, 1].map(|format| moved(format).map(|bytes| format!("{bytes:.1}")).join(" + "));
    pairs.join(" | ")
}

fn print_moves(
    convolver: &Convolver,
    gpu: &GpuDevice,
    size: [usize; 2],
    sigmas: &[(f64, Kawase)],
) -> Result<(), Box<dyn Error>> {
    let [width, height] = size;
    println!("\n{width} x {height}:\n");
    println!(
        "| sigma | blur | passes | samples | rgba8: read + written | rgba16f: read + written |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    for &(sigma, dual) in sigmas {
        let (samples, read, written) = dual.moves(size);
        let moved = bytes(|format| [read, written].map(|texels| texels * FORMATS[format].1));
        let passes = 2 * dual.levels;
        println!(
            "| {sigma} | dual filter, n = {} | {passes} | {samples:.1} | {moved} |",
            dual.levels
        );

        for (name, filter) in gaussians(convolver, sigma)? {
            let mut costs = Vec::new();
            for (format, _) in FORMATS {
                let source = texture(gpu, format, size, TextureUsages::TEXTURE_BINDING);
                let result = texture(gpu, format, size, TextureUsages::STORAGE_BINDING);
                costs.push(filter.cost(&source, &result)?);
            }
            let each = |bytes: u64| bytes as f64 / (width * height) as f64;
            let moved = bytes(|format| {
                let TextureCost { read, written, .. } = costs[format];
                [each(read), each(written)]
            });
            let taps = 2 * filters::gaussian::<f32>(sigma)?.nrows();
            let products = if filter.is_coarse() { String::new() } else { taps.to_string() };
            let passes = costs[0].dispatches + costs[0].draws;
            println!("| {sigma} | {name} | {passes} | {products} | {moved} |");
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    // As a test: that it runs.
    let is_test = std::env::args().any(|arg| arg == "--test");
    let convolver = Convolver::new();
    let gpu = match convolver.gpu() {
        Ok(gpu) => gpu,
        Err(error) if std::env::var_os("CONVOLVE_REQUIRE_GPU").is_none() => {
            println!("without a GPU there is nothing to compare with: {error}");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let (sigmas, phases) = if is_test { (&SIGMAS[..1], 2) } else { (&SIGMAS[..], usize::MAX) };

    println!("{HEAD}{ERRORS}");
    let mut compared = Vec::new();
    for &sigma in sigmas {
        let dual = dual(sigma).ok_or_else(|| format!("no depth has a sigma of {sigma}"))?;
        let name = format!("dual filter, n = {}, offset {:.2}", dual.levels, dual.offset);
        print_errors(sigma, &name, &dual.responses(phases));
        let side = (10.0 * sigma + 48.0) as usize;
        let side = side.next_multiple_of(64);
        // All places to the grid of the largest factor.
        let count = phases.min(16);
        let places = (0..count).flat_map(|phase| [[phase, 0], [phase, phase]]);
        let places = places.map(|place| place.map(|phase| side / 2 / 16 * 16 + phase));
        for (name, filter) in gaussians(&convolver, sigma)? {
            let responses = places.clone().map(|at| response(&gpu, &filter, side, at));
            let responses = responses.collect::<Result<Vec<_>, _>>()?;
            let most = print_errors(sigma, name, &responses);
            // A quarter of 255 levels is far below.
            if most > 0.5 {
                return Err(format!("{name} of sigma {sigma}: no Gaussian came of it").into());
            }
        }
        compared.push((sigma, dual));
    }
    println!("{MOVES}");
    for size in SIZES {
        print_moves(&convolver, &gpu, size, &compared)?;
    }
    Ok(())
}
