use super::*;
use crate::plan::gpu::launch::Launch;
use crate::plan::gpu::schedule::Schedule;
use crate::plan::gpu::stored::TexelFormat;
use crate::plan::gpu::transform::Transform;
use crate::plan::{GpuCapabilities, GpuKind};
use crate::problem::geometry::{Axis, Geometry};
use naga::valid::{Capabilities, ValidationFlags, Validator};

#[test]
fn every_file_is_listed() {
    // Where cargo says at run time; tests that were built elsewhere are told so too.
    let here = std::env::var("CARGO_MANIFEST_DIR");
    let here = here.unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").into());
    let files = std::fs::read_dir(here + "/shaders").expect("the repository's folder");
    let mut found: Vec<String> = files
        .map(|file| std::fs::read_to_string(file.expect("listed").path()).expect("text"))
        .collect();
    found.sort();
    let mut listed = SOURCES.to_vec();
    listed.sort();
    assert_eq!(listed, found);
}

const TYPES: [DType; 6] =
    [DType::F16, DType::F32, DType::F64, DType::I32, DType::U32, DType::Complex32];

/// One of every kind of shader, with weights in storage and in uniform memory.
pub(crate) fn variants(dtype: DType) -> Vec<Variant> {
    let axis = |n: usize, taps: usize, channels: usize, stride: usize| {
        let offset = -(taps as isize / 2);
        Axis { n, channels, taps, out: n.div_ceil(stride), stride, offset, ..Axis::one_sample() }
    };
    let geometries = [
        vec![axis(500, 5, 1, 1), axis(500, 5, 1, 1)],
        vec![axis(500, 12, 1, 1), axis(500, 6, 3, 1)],
        vec![axis(500, 77, 1, 1), axis(500, 63, 1, 1)],
        vec![axis(5_000, 9, 1, 1)],
        vec![axis(5_000, 1_000, 1, 1)],
        vec![axis(500, 5, 1, 2), axis(500, 5, 1, 3)],
        vec![axis(50, 5, 1, 1), axis(50, 5, 1, 1), axis(50, 3, 1, 1)],
    ];
    let mut all = Vec::new();
    for kind in [GpuKind::Discrete, GpuKind::Software] {
        let gpu = GpuCapabilities::webgpu_defaults("any", kind);
        for axes in &geometries {
            let geometry = Geometry { axes: axes.clone() };
            let launch = Launch::direct(dtype, &geometry, &gpu).expect("fits");
            all.push(launch.clone().accumulating().variant);
            all.push(launch.variant);
            for terms in [1, 3] {
                let fused = Launch::separable(dtype, &geometry, terms, &gpu);
                all.extend(fused.map(|launch| launch.variant));
            }
        }
        let deep = Geometry { axes: geometries[6].clone() };
        all.push(Launch::repair(dtype, &deep, &gpu).expect("fits").variant);
        let line = Geometry { axes: geometries[3].clone() };
        all.push(Launch::convert(dtype.into(), &line, &gpu).expect("fits").variant);
    }
    all
}

/// One of every pass of transforms, whose workgroups are large or small, of blocks and of lines.
pub(crate) fn transforms(dtype: DType) -> Vec<Variant> {
    let axis = |n: usize, taps: usize, channels: usize| {
        let (offset, out) = (-(taps as isize / 2), n);
        Axis { n, channels, taps, out, offset, ..Axis::one_sample() }
    };
    let gpu = GpuCapabilities::webgpu_defaults("any", GpuKind::Discrete);
    let small = GpuCapabilities { max_invocations: 64, ..gpu.clone() };
    let mut all: Vec<Variant> = Vec::new();
    for gpu in [gpu, small] {
        for axes in [
            vec![axis(500, 9, 1), axis(500, 7, 3)],
            vec![axis(5_000, 30, 1)],
            vec![axis(9, 3, 1), axis(70, 9, 1), axis(80, 7, 1)],
        ] {
            let geometry = Geometry { axes };
            for block in Launch::blocks(dtype, &geometry, &gpu).expect("some") {
                let schedule = Schedule::fft(dtype, &geometry, block, &gpu).expect("fits");
                all.extend(schedule.stages().map(|stage| stage.launch.variant.clone()));
                let of_kernel =
                    |&pass| Launch::of_kernel(dtype, Transform { block, pass }, 3).variant;
                all.extend(block.kernel_passes().iter().map(of_kernel));
            }
        }
    }
    all
}

/// The same from and to every way of storing samples of `f32`, even where no schedule has them.
pub(crate) fn stored_variants() -> Vec<Variant> {
    let f16 = Stored::Elements(DType::F16);
    let packed = [8, 16].map(|bits| Stored::Packed { bits });
    let meant = |weighed, premultiplied, encoded| Texels {
        weighed,
        premultiplied,
        encoded,
        bounded: false,
    };
    let as_is = Texels::default();
    let textures = [
        (1, as_is),
        (1, meant(false, false, true)),
        (4, as_is),
        (4, meant(true, false, true)),
        (4, meant(false, true, true)),
    ];
    let textures = textures.map(|(channels, texels)| Stored::Texture { channels, texels });
    let inputs = [&[f16][..], &packed, &textures].concat();
    let storage = [as_is, meant(true, false, true), meant(false, true, true)];
    let storage = TexelFormat::ALL
        .iter()
        .flat_map(|&format| storage.map(|texels| Stored::StorageTexture(format, texels)))
        .collect::<Vec<_>>();
    let outputs = [&[f16][..], &packed, &storage].concat();
    let plain = Stored::Elements(DType::F32);
    let ends: Vec<_> = inputs
        .into_iter()
        .map(|input| (input, plain))
        .chain(outputs.into_iter().map(|output| (plain, output)))
        .collect();
    let mut all = Vec::new();
    for variant in variants(DType::F32) {
        all.extend(ends.iter().map(|&(input, output)| {
            let types = Types { input, output, ..variant.types };
            Variant { types, ..variant.clone() }
        }));
    }
    all
}

/// The source of a variant, valid where there is one.
pub(crate) fn valid(variant: &Variant, needed: Capabilities) -> Option<naga::Module> {
    let source = source(variant)?;
    let module = naga::front::wgsl::parse_str(&source)
        .unwrap_or_else(|e| panic!("{variant:?}: {}", e.emit_to_string(&source)));
    Validator::new(ValidationFlags::all(), needed)
        .validate(&module)
        .unwrap_or_else(|e| panic!("{variant:?}: {}", e.emit_to_string(&source)));
    assert!(module.entry_points.iter().any(|entry| entry.name == "main"));
    assert!(module.overrides.is_empty());
    Some(module)
}

#[test]
fn every_shader_of_every_type_is_valid() {
    let mut seen = Vec::new();
    for dtype in TYPES {
        let needed = match dtype {
            DType::F16 => Capabilities::SHADER_FLOAT16,
            DType::F64 => Capabilities::FLOAT64 | Capabilities::SHADER_INT64,
            _ => Capabilities::empty(),
        };
        for variant in variants(dtype) {
            valid(&variant, needed).expect("a supported type");
            seen.push((variant.shader, variant.uniform.is_some()));
        }
        // Those of one type are those of another, but for the names of a few types.
        let every = match dtype {
            DType::F32 => Some(3),
            DType::F16 | DType::F64 | DType::Complex32 => Some(7),
            _ => None,
        };
        if let Some(every) = every {
            for variant in transforms(dtype).iter().step_by(every) {
                valid(variant, needed).expect("a type that is transformed");
            }
        }
    }
    for shader in [
        Shader::Direct2d,
        Shader::DirectStrided,
        Shader::DirectNd,
        Shader::Separable2d,
        Shader::Convert,
    ] {
        assert!(seen.contains(&(shader, false)), "{shader:?}");
    }
    for shader in [Shader::Direct2d, Shader::DirectStrided, Shader::Separable2d] {
        assert!(seen.contains(&(shader, true)), "{shader:?}");
    }
}

#[test]
fn every_way_of_storing_samples_is_valid_under_every_shader() {
    let needed = Capabilities::SHADER_FLOAT16;
    for variant in stored_variants() {
        let is_looked_at = variant.accumulate || variant.repair;
        let is_possible = match variant.types.output {
            Stored::Elements(_) => true,
            _ if is_looked_at => false,
            // Texels of four channels are written whole.
            output => {
                let one_by_one = [Shader::DirectStrided, Shader::DirectNd];
                output.channels() == 1 || !one_by_one.contains(&variant.shader)
            }
        };
        assert_eq!(valid(&variant, needed).is_some(), is_possible, "{variant:?}");
    }
}

#[test]
fn transforms_load_and_store_samples_in_every_way() {
    let needed = Capabilities::SHADER_FLOAT16;
    let plain = Stored::Elements(DType::F32);
    let ways = [
        (Stored::Packed { bits: 8 }, plain),
        (Stored::Texture { channels: 1, texels: Texels::default() }, plain),
        (plain, Stored::Packed { bits: 16 }),
        (plain, Stored::StorageTexture(TexelFormat::R32Float, Texels::default())),
    ];
    let mut seen = Vec::new();
    for variant in transforms(DType::F32) {
        let pass = variant.shader.transform().expect("a transform").pass;
        if seen.contains(&pass) {
            continue;
        }
        seen.push(pass);
        for (input, output) in ways {
            let types = Types { input, output, ..variant.types };
            assert!(valid(&Variant { types, ..variant.clone() }, needed).is_some());
        }
        let texel = Stored::StorageTexture(TexelFormat::Rgba32Float, Texels::default());
        let types = Types { output: texel, ..variant.types };
        let whole_texels = valid(&Variant { types, ..variant.clone() }, needed);
        assert_eq!(whole_texels.is_none(), fft::writes(pass), "texels are written whole");
    }
    assert_eq!(seen.len(), 10, "{seen:?}");
}

#[test]
fn other_types_have_no_shader() {
    let variant = variants(DType::F32).remove(0);
    for dtype in [DType::Complex64, DType::I8, DType::U16, DType::I64, DType::U64] {
        assert_eq!(source(&Variant { types: dtype.into(), ..variant.clone() }), None);
    }
}

/// wgpu does not check workgroup memory: what the plan counts is what naga finds.
#[test]
fn workgroup_memory_is_what_was_counted() {
    for dtype in TYPES {
        let transforms = match dtype {
            DType::F32 | DType::F64 | DType::Complex32 => transforms(dtype),
            _ => Vec::new(),
        };
        for variant in variants(dtype).into_iter().chain(transforms.into_iter().step_by(7)) {
            let source = source(&variant).expect("a supported type");
            let module = naga::front::wgsl::parse_str(&source).expect("valid");
            let mut layouter = naga::proc::Layouter::default();
            layouter.update(module.to_ctx()).expect("sized");
            let workgroup = naga::AddressSpace::WorkGroup;
            let bytes: u32 = module
                .global_variables
                .iter()
                .filter(|(_, variable)| variable.space == workgroup)
                .map(|(_, variable)| layouter[variable.ty].size)
                .sum();
            assert_eq!(bytes as usize, variant.workgroup_memory(), "{variant:?}");
        }
    }
}
