//! Launches by name: a method and a size, and how samples are stored where that is not `f32`.

use convolve::low_level::{
    Launch, Schedule, Shader, Stage, Stored, TexelFormat, Texels, Types, wgsl,
};
use convolve::plan::{
    Capabilities, CostModel, Gpu, GpuCapabilities, InstructionSet, Recipe, Request, design,
};
use convolve::{DType, Device, KernelFacts, Method, Mode, Options, Problem};
use serde_json::{Value, json};

use crate::Any;

/// A shader, and what `model.py` has to know of its launch.
pub(crate) struct Named {
    pub source: String,
    pub about: Value,
}

/// Samples along each of two axes.
const SIDE: usize = 4096;

/// Planes of a volume of as many samples, of a sixteenth of a side each.
const DEPTH: usize = 256;

/// The dispatches of `direct-7`, `direct-5x9`, `line-31` (one axis), `rgb-5` (three channels),
/// `separable-9`, `fft-15` or `volume-5` (transforms under taps along three axes), with `-f16`, `-u8` or `-texture` (from and to `Rgba16Float`) behind it; of
/// `unpack-8` and `pack-8` (conversions). Where there are several, they are numbered.
pub(crate) fn named(name: &str, gpu: &GpuCapabilities) -> Any<Vec<(String, Named)>> {
    let parts: Vec<&str> = name.split('-').collect();
    let [method, size, stored @ ..] = &parts[..] else {
        return Err("expected METHOD-SIZE or METHOD-SIZE-STORED".into());
    };
    if let "unpack" | "pack" = *method {
        let launch = conversion(*method == "pack", size.parse()?, gpu)?;
        return Ok(vec![(name.into(), Named::new(&launch, [1, 1])?)]);
    }
    let taps = size.split('x').map(str::parse).collect::<Result<Vec<usize>, _>>()?;
    let [outer, inner] = [taps[0], taps[taps.len() - 1]];
    let (shape, kernel): (&[usize], &[usize]) = match (*method, stored) {
        ("line", _) => (&[SIDE * SIDE], &[inner]),
        ("rgb", _) => (&[SIDE, SIDE, 3], &[outer, inner, 1]),
        ("volume", _) => (&[DEPTH, SIDE / 16, SIDE / 16], &[outer, inner, inner]),
        (_, ["texture"]) => (&[SIDE, SIDE, 4], &[outer, inner, 1]),
        _ => (&[SIDE, SIDE], &[outer, inner]),
    };
    let dtype = if *stored == ["f16"] { DType::F16 } else { DType::F32 };
    let schedule = schedule(method, shape, kernel, dtype, gpu)?;
    let ends = match stored {
        [] | ["f16"] => schedule.stored(),
        ["u8"] => [Stored::Packed { bits: 8 }; 2],
        ["texture"] => {
            let texels = Texels::default();
            [
                Stored::Texture { channels: 4, texels },
                Stored::StorageTexture(TexelFormat::Rgba16Float, texels),
            ]
        }
        other => return Err(format!("expected f16, u8 or texture, got {other:?}").into()),
    };
    let schedules = schedule.stored_as(ends, gpu)?;
    let stages: Vec<&Stage> = schedules.iter().flat_map(Schedule::stages).collect();
    let alone = stages.len() == 1;
    let of = |(i, stage): (usize, &&Stage)| {
        let taps = match &stage.geometry.axes[..] {
            [.., outer, inner] => [outer.taps, inner.taps],
            [inner] => [1, inner.taps],
            [] => [1, 1],
        };
        let name = if alone { name.into() } else { format!("{name}.{}", i + 1) };
        Ok((name, Named::new(&stage.launch, taps)?))
    };
    stages.iter().enumerate().map(of).collect()
}

fn schedule(
    method: &str,
    shape: &[usize],
    kernel: &[usize],
    dtype: DType,
    gpu: &GpuCapabilities,
) -> Any<Schedule> {
    let mut options = Options::<f32>::default();
    options.mode = Mode::Same;
    let problem = Problem::new::<f32>(shape, kernel, &options)?;
    let geometry = problem.geometry();
    match method {
        "direct" | "line" | "rgb" => Ok(Schedule::direct(dtype, &geometry, gpu)?),
        "separable" => Ok(Schedule::separable(dtype, &geometry, 1, false, gpu)?),
        "fft" | "volume" => {
            let on = Capabilities::new(1, InstructionSet::Avx2, Gpu::Present(gpu.clone()));
            let mut request = Request::default();
            (request.device, request.method) = (Device::Gpu, Method::Fft);
            let facts = KernelFacts::unknown(problem.kernel.iter().product());
            let plan = design(&problem, &facts, &on, &CostModel::default(), request)?;
            match plan.chosen().admitted() {
                Some((Recipe::Gpu(schedule), _)) => Ok(schedule.clone()),
                _ => Err("no launch".into()),
            }
        }
        other => {
            Err(format!("expected direct, line, rgb, separable, fft or volume, got {other}").into())
        }
    }
}

/// Samples of so many bits to `f32`, or back.
fn conversion(back: bool, bits: u32, gpu: &GpuCapabilities) -> Any<Launch> {
    let problem = Problem::new::<f32>(&[SIDE * SIDE], &[1], &Options::default())?;
    let mut types = Types::from(DType::F32);
    *(if back { &mut types.output } else { &mut types.input }) = Stored::Packed { bits };
    Ok(Launch::convert(types, &problem.geometry(), gpu)?)
}

impl Named {
    fn new(launch: &Launch, taps: [usize; 2]) -> Any<Self> {
        let of = &launch.variant;
        let source = wgsl(of).ok_or("no shader of this type")?;
        let shader = match of.shader {
            Shader::Direct2d => "direct",
            Shader::Separable2d => "separable",
            _ => "other",
        };
        let about = json!({
            "launch": launch.to_string(), "shader": shader, "workgroup": of.workgroup,
            "registers": of.registers, "taps": taps, "pitch": of.pitch,
            "stage_rows": launch.stage_rows, "chunk": launch.chunk, "tile": launch.tile,
            "memory": of.workgroup_memory(), "bytes": bytes(of.types.input) + bytes(of.types.output),
        });
        Ok(Self { source, about })
    }
}

/// Bytes of a sample; of textures, which are of half precision here.
fn bytes(stored: Stored) -> usize {
    if stored.is_texture() { 2 } else { stored.bytes(1) }
}
