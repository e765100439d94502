//! Compiled pipelines: kept in memory up to a bound, and on disk where the driver can.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, Result};
use crate::gpu::context::guarded;
use crate::gpu::counts::Counters;
use crate::gpu::shaders;
use crate::gpu::texture::texture_format;
use crate::plan::GpuSettings;
use crate::plan::gpu::launch::{Shader, Types, Variant};
use crate::plan::gpu::stored::Stored;
use crate::plan::gpu::transform::{BlockPass, Transform};
use crate::util::disk;
use crate::util::lru::LruCache;

/// Pipelines kept for their next filter. Filters keep their own, so that this bounds memory and not
/// what can run.
const MOST: usize = 128;

/// Storage buffers that a shader needs at least: parameters, input, weights, output. One that reads what
/// is between two passes of transforms besides is planned where there are more.
pub(crate) const BINDINGS: u32 = 4;

/// What the layout of a variant's bindings depends on: input and output, whether weights are in uniform
/// memory, and what else is bound.
type Layout = (Stored, bool, Stored, Option<Besides>);

/// What a shader reads besides its input, or writes besides its output.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Besides {
    /// What an earlier pass has left.
    Buffer,
    /// What is left to a later pass, or how loud a spectrum is.
    Written,
    /// The caller's texture.
    Texture,
}

/// Layouts that are kept: about as many as there are.
const LAYOUTS: usize = 32;

/// What the shaders leave unchecked.
///
/// Loops are not counted: all of them run over a range whose ends are fixed before the first round,
/// with a step of at least one, clear a bit of a word in every round, or halve a number. Divisors are strides, lengths,
/// periods, and the shares and teams of a second look (`plan/gpu/second_look.rs`: powers of two, teams no larger than a
/// workgroup), none of them zero, and no dividend is the lowest number.
///
/// Indices are not checked: an input is read at a place that `resolve` found in it, or in a range that
/// `is_inside` or `is_inner` did; an output is written where its position is below the axis's length; of packed
/// samples a word is read or written where one of the samples is in it that are asked for; a stage is
/// written below the length that it is declared with, and read below it as `tests/it/planner/launches.rs`
/// recounts for each launch; bindings are as long as the geometry says (`passes.rs`). Values of transforms
/// go through workgroup memory and between passes at places that are a value's number in its block
/// (`registers.rs` tests that each has one), where a second look has numbers of invocations and three values for each of
/// these, of sixteen that there are; and weights are read where they were laid out for that
/// (`fft.rs`, `spectrum.rs`).
const UNCHECKED: wgpu::ShaderRuntimeChecks = wgpu::ShaderRuntimeChecks {
    bounds_checks: false,
    force_loop_bounding: false,
    int_div_checks: false,
    ..wgpu::ShaderRuntimeChecks::checked()
};

/// The pipelines of one device.
#[derive(Debug)]
pub(crate) struct Pipelines {
    device: wgpu::Device,
    counters: Arc<Counters>,
    layouts: LruCache<Layout, wgpu::BindGroupLayout>,
    /// Whether shaders check every index and count every loop.
    checked: bool,
    /// Whether a test wants to see one fail.
    fault: bool,
    kept: LruCache<Variant, wgpu::ComputePipeline>,
    disk: Option<Disk>,
}

impl Pipelines {
    /// None yet.
    pub(crate) fn new(
        device: &wgpu::Device,
        counters: Arc<Counters>,
        settings: &GpuSettings,
    ) -> Result<Self> {
        let layouts = LruCache::new(LAYOUTS);
        let disk = settings.cache.as_deref().and_then(|directory| Disk::open(device, directory));
        let kept = LruCache::new(MOST);
        let (checked, fault) = (settings.checked_shaders, settings.shader_fault);
        Ok(Self { device: device.clone(), counters, layouts, checked, fault, kept, disk })
    }

    /// How the bindings of a variant are laid out.
    pub(crate) fn layout(&self, variant: &Variant) -> Result<wgpu::BindGroupLayout> {
        let Types { input, output, .. } = variant.types;
        self.layouts.get((input, variant.uniform.is_some(), output, besides(variant)), |&layout| {
            guarded(&self.device, || laid_out(&self.device, &bindings(layout)))
        })
    }

    /// The pipeline of a variant; compiled where it is not kept.
    pub(crate) fn get(&self, variant: &Variant) -> Result<wgpu::ComputePipeline> {
        self.kept.get(variant.clone(), |variant| self.compile(variant))
    }

    fn compile(&self, variant: &Variant) -> Result<wgpu::ComputePipeline> {
        let mut source = shaders::source(variant).ok_or_else(|| {
            Error::gpu_internal(format!("the shaders have no {:?}", variant.types))
        })?;
        if self.fault {
            source += "an injected fault";
        }
        let label = format!("convolve {:?} {:?}", variant.shader, variant.types.input);
        let layout = self.layout(variant)?;
        let pipeline = guarded(&self.device, || {
            let descriptor = wgpu::ShaderModuleDescriptor {
                label: Some(&label),
                source: wgpu::ShaderSource::Wgsl(source.into()),
            };
            let checks = match self.checked {
                true => wgpu::ShaderRuntimeChecks::checked(),
                false => UNCHECKED,
            };
            // SAFETY: see `UNCHECKED`.
            let module = unsafe { self.device.create_shader_module_trusted(descriptor, checks) };
            let layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: Some(&label),
                bind_group_layouts: &[Some(&layout)],
                immediate_size: 0,
            });
            self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(&label),
                layout: Some(&layout),
                module: &module,
                entry_point: Some("main"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    // The shaders write what they read.
                    zero_initialize_workgroup_memory: false,
                    ..Default::default()
                },
                cache: self.disk.as_ref().map(|disk| &disk.cache),
            })
        })?;
        self.counters.pipelines.add(1);
        if let Some(disk) = &self.disk {
            disk.compiled();
        }
        Ok(pipeline)
    }
}

/// The layout of bindings to a compute shader, in their order. To be called where wgpu's errors are caught.
pub(super) fn laid_out(
    device: &wgpu::Device,
    bindings: &[wgpu::BindingType],
) -> wgpu::BindGroupLayout {
    let entry = |(&ty, binding)| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty,
        count: None,
    };
    let entries: Vec<_> = bindings.iter().zip(0..).map(entry).collect();
    let label = Some("convolve");
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries })
}

fn buffer(ty: wgpu::BufferBindingType, has_dynamic_offset: bool) -> wgpu::BindingType {
    wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size: None }
}

/// A storage buffer.
pub(super) fn storage(read_only: bool) -> wgpu::BindingType {
    buffer(wgpu::BufferBindingType::Storage { read_only }, false)
}

/// What a shader reads or writes besides.
fn besides(variant: &Variant) -> Option<Besides> {
    match variant.shader {
        Shader::Fft(Transform { pass, .. }) => match pass {
            BlockPass::Again => Some(Besides::Buffer),
            BlockPass::Whole | BlockPass::Back | BlockPass::KernelColumns => Some(Besides::Written),
            BlockPass::Look
            | BlockPass::Rows
            | BlockPass::Columns
            | BlockPass::Spectra
            | BlockPass::Slabs
            | BlockPass::KernelRows => None,
        },
        Shader::Resample(Some(_)) => Some(Besides::Texture),
        _ => None,
    }
}

/// The bindings of a shader, in their order: parameters, input, weights, output, and what else there is.
fn bindings((input, uniform, output, besides): Layout) -> Vec<wgpu::BindingType> {
    let view_dimension = wgpu::TextureViewDimension::D2;
    let texture = wgpu::BindingType::Texture {
        // Texels are loaded, not interpolated.
        sample_type: wgpu::TextureSampleType::Float { filterable: false },
        view_dimension,
        multisampled: false,
    };
    let input = match input {
        Stored::Elements(_) | Stored::Packed { .. } => storage(true),
        Stored::Texture { .. } | Stored::StorageTexture(..) => texture,
    };
    // These two lie elsewhere from dispatch to dispatch.
    let readable = wgpu::BufferBindingType::Storage { read_only: true };
    let weights = if uniform { wgpu::BufferBindingType::Uniform } else { readable };
    let [params, weights] = [readable, weights].map(|ty| buffer(ty, true));
    let output = match output {
        Stored::StorageTexture(format, _) => wgpu::BindingType::StorageTexture {
            access: wgpu::StorageTextureAccess::WriteOnly,
            format: texture_format(format),
            view_dimension,
        },
        _ => storage(false),
    };
    let besides = besides.map(|besides| match besides {
        Besides::Buffer => storage(true),
        Besides::Written => storage(false),
        Besides::Texture => texture,
    });
    [params, input, weights, output].into_iter().chain(besides).collect()
}

/// What the driver compiled, in a file from process to process.
#[derive(Debug)]
struct Disk {
    cache: wgpu::PipelineCache,
    path: PathBuf,
    compiled: AtomicUsize,
}

/// Larger files are not ours: a pipeline takes some ten thousand bytes.
const LARGEST: u64 = 256 << 20;

impl Disk {
    /// The cache in this directory, empty where the file is missing, unreadable or from another
    /// driver; `None` where the device has no such caches.
    fn open(device: &wgpu::Device, directory: &Path) -> Option<Self> {
        if !device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let path = directory.join(wgpu::util::pipeline_cache_key(&device.adapter_info())?);
        let data = disk::read(&path, LARGEST);
        let create = |data: Option<&[u8]>| {
            let descriptor =
                wgpu::PipelineCacheDescriptor { label: Some("convolve"), data, fallback: true };
            // SAFETY: the data is what `store` has written, for the adapter and driver that the name
            // of the file stands for; wgpu checks its header, and that none of it is missing.
            guarded(device, || unsafe { device.create_pipeline_cache(&descriptor) }).ok()
        };
        let cache = create(data.as_deref()).or_else(|| create(None))?;
        Some(Self { cache, path, compiled: AtomicUsize::new(0) })
    }

    /// Counts one more pipeline. The file is written after the first, second, fourth, ... of them, and
    /// so as often as it is worth it.
    fn compiled(&self) {
        let compiled = self.compiled.fetch_add(1, Ordering::Relaxed) + 1;
        if compiled.is_power_of_two() {
            self.store();
        }
    }

    /// Writes the file, whole or not at all. A cache that cannot be written is only slower.
    fn store(&self) {
        let Some(data) = self.cache.get_data() else { return };
        let _ = disk::write(&self.path, &data);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let compiled = *self.compiled.get_mut();
        if compiled > 0 && !compiled.is_power_of_two() {
            self.store();
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::element::DType;
    use crate::gpu::context::Context;
    use crate::plan::GpuSettings;

    pub(crate) fn context() -> Option<Context> {
        let found = Context::find(&GpuSettings::default());
        let required = std::env::var_os("CONVOLVE_REQUIRE_GPU").is_some_and(|value| value == "1");
        if let (Err(error), true) = (&found, required) {
            panic!("CONVOLVE_REQUIRE_GPU=1, but: {error}");
        }
        found.inspect_err(|error| eprintln!("SKIPPED: {error}")).ok()
    }

    #[test]
    fn shaders_are_bound_as_they_declare() {
        let f32s = shaders::tests::variants(DType::F32);
        let transforms = shaders::tests::transforms(DType::F32);
        let stored = shaders::tests::stored_variants();
        for variant in f32s.into_iter().chain(stored).chain(transforms.into_iter().step_by(7)) {
            let needed = naga::valid::Capabilities::SHADER_FLOAT16;
            let Some(module) = shaders::tests::valid(&variant, needed) else { continue };
            let Types { input, output, .. } = variant.types;
            let besides = besides(&variant);
            let bound = bindings((input, variant.uniform.is_some(), output, besides));
            let declared = module.global_variables.iter().filter_map(|(_, variable)| {
                let binding = variable.binding?.binding as usize;
                Some((binding, variable.space, &module.types[variable.ty].inner))
            });
            let mut seen = vec![false; bound.len()];
            for (binding, space, ty) in declared {
                seen[binding] = true;
                let as_bound = match (bound[binding], space, ty) {
                    (wgpu::BindingType::Buffer { ty, .. }, space, _) => match ty {
                        wgpu::BufferBindingType::Uniform => space == naga::AddressSpace::Uniform,
                        wgpu::BufferBindingType::Storage { read_only } => {
                            let access = match read_only {
                                true => naga::StorageAccess::LOAD,
                                false => naga::StorageAccess::LOAD | naga::StorageAccess::STORE,
                            };
                            space == naga::AddressSpace::Storage { access }
                        }
                    },
                    (
                        wgpu::BindingType::Texture { .. },
                        _,
                        naga::TypeInner::Image { class, .. },
                    ) => {
                        matches!(class, naga::ImageClass::Sampled { .. })
                    }
                    (
                        wgpu::BindingType::StorageTexture { format, .. },
                        _,
                        naga::TypeInner::Image {
                            class: naga::ImageClass::Storage { format: declared, .. },
                            ..
                        },
                    ) => format!("{declared:?}") == format!("{format:?}"),
                    _ => false,
                };
                assert!(as_bound, "binding {binding} of {variant:?}: {space:?} {ty:?}");
            }
            let pass = variant.shader.transform().map(|transform| transform.pass);
            // Only what is between two passes, or taps.
            let no_input = [
                BlockPass::Columns,
                BlockPass::Spectra,
                BlockPass::Slabs,
                BlockPass::Back,
                BlockPass::KernelRows,
            ];
            seen[1] |= pass.is_some_and(|pass| no_input.contains(&pass));
            assert!(seen.iter().all(|&seen| seen), "{variant:?}");
        }
    }

    #[test]
    fn a_file_that_is_no_cache_is_rewritten() {
        let Some(context) = context() else { return };
        let directory = std::env::temp_dir().join(format!("convolve-{}", std::process::id()));
        let Some(disk) = Disk::open(&context.device, &directory) else {
            return assert!(!context.device.features().contains(wgpu::Features::PIPELINE_CACHE));
        };
        std::fs::create_dir_all(&directory).expect("a directory");
        std::fs::write(&disk.path, b"not a cache").expect("a file");
        let disk = Disk::open(&context.device, &directory).expect("what cannot be read is ignored");
        disk.compiled();
        let written = std::fs::read(&disk.path).expect("a file");
        assert_eq!(Some(&written), disk.cache.get_data().as_ref());
        assert_ne!(written, b"not a cache");
        let left = std::fs::read_dir(&directory).expect("a directory").count();
        assert_eq!(left, 1, "nothing is left beside the file");
        Disk::open(&context.device, &directory).expect("its own file");
        drop(disk);
        std::fs::remove_dir_all(&directory).expect("removed");
    }

    #[test]
    fn a_pipeline_is_compiled_once() {
        let Some(context) = context() else { return };
        let variants = crate::gpu::shaders::tests::variants(DType::F32);
        let variant = variants.iter().find(|variant| variant.uniform.is_none());
        let variant = variant.expect("weights in storage");
        assert_eq!(context.pipelines.kept.find(variant), None);
        let first = context.pipelines.get(variant).expect("compiled");
        assert_eq!(context.pipelines.get(variant).expect("kept"), first);
    }
}
