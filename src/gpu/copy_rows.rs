//! A pass that copies rows from where they are to where they are to be, as words or as half words.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::gpu::context::Context;
use crate::gpu::end::Span;
use crate::gpu::pipelines::{laid_out, storage};
use crate::util::lru::LruCache;

/// Invocations of a workgroup.
const WORKGROUP: u32 = 64;

/// What the copy is compiled to; one for each device and for each kind of word.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
}

/// Where the rows are, in words or half words.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
pub(crate) struct Rows {
    pub rows: u32,
    pub words: u32,
    pub source_start: u32,
    pub source_pitch: u32,
    pub target_start: u32,
    pub target_pitch: u32,
}

/// Bind groups that are kept: enough for a few frames in flight, each with buffers of its own.
const KEPT: usize = 16;

/// The copy with its parameters in place.
pub(crate) struct CopyRows {
    context: Arc<Context>,
    compiled: Compiled,
    params: wgpu::Buffer,
    groups: [u32; 2],
    bindings: LruCache<[Span; 2], wgpu::BindGroup>,
}

impl CopyRows {
    /// Copies rows of words, or of half words where the device has `f16`.
    pub(crate) fn new(context: &Arc<Context>, rows: Rows, halves: bool) -> Result<Self> {
        let groups = in_line(context, u64::from(rows.rows) * u64::from(rows.words))?;
        let compiled = context.copy_rows(halves)?;
        let bytes = bytemuck::bytes_of(&rows);
        let params = context.constant("convolve layout", bytes, wgpu::BufferUsages::STORAGE)?;
        let bindings = LruCache::new(KEPT);
        Ok(Self { context: context.clone(), compiled, params, groups, bindings })
    }

    /// Binds what it reads and writes; an error where that cannot be.
    pub(crate) fn bind(&self, source: Span, destination: Span) -> Result<wgpu::BindGroup> {
        self.bindings.get([source, destination], |[source, destination]| {
            let params = self.params.as_entire_binding();
            let resources = [params, source.binding(), destination.binding()];
            self.context.bind(&self.compiled.layout, resources)
        })
    }

    /// Records the pass over what was bound.
    pub(crate) fn record(&self, encoder: &mut wgpu::CommandEncoder, group: &wgpu::BindGroup) {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&self.compiled.pipeline);
        pass.set_bind_group(0, group, &[]);
        pass.dispatch_workgroups(self.groups[0], self.groups[1], 1);
    }
}

fn source(halves: bool) -> String {
    let word = if halves { "enable f16;\nalias Word = f16;" } else { "alias Word = u32;" };
    format!("{word}\n{}", include_str!("../../shaders/copy_rows.wgsl"))
}

/// Compiles; called by [`Context::copy_rows`] once for each device. Indices are checked, loops are
/// counted: memory is what takes the time here.
pub(super) fn compile(context: &Context, halves: bool) -> Result<Compiled> {
    let label = Some("convolve rows");
    let device = &context.device;
    context.guarded(|| {
        let layout = laid_out(device, &[true, true, false].map(storage));
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label,
            source: wgpu::ShaderSource::Wgsl(source(halves).into()),
        });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &[("WORKGROUP", WORKGROUP.into())],
                ..Default::default()
            },
            cache: None,
        });
        Compiled { pipeline, layout }
    })
}

/// Workgroups for so many invocations, numbered through two dimensions of a dispatch.
fn in_line(context: &Context, invocations: u64) -> Result<[u32; 2]> {
    let most = u64::from(context.capabilities().max_groups);
    let groups = invocations.div_ceil(WORKGROUP.into());
    let wide = groups.clamp(1, most.max(1));
    let high = groups.div_ceil(wide);
    // Those of the last groups count beyond the words, and must not overflow.
    if high > most || invocations >= 1 << 31 {
        return Err(Error::gpu_memory(format!(
            "{invocations} words are too many for one dispatch"
        )));
    }
    Ok([wide as u32, high as u32])
}

#[cfg(test)]
mod tests {
    use super::*;
    use naga::valid::{Capabilities, ValidationFlags, Validator};

    #[test]
    fn the_shader_is_valid_and_its_parameters_are_these() {
        for halves in [false, true] {
            let source = source(halves);
            let module = naga::front::wgsl::parse_str(&source)
                .unwrap_or_else(|e| panic!("{}", e.emit_to_string(&source)));
            Validator::new(ValidationFlags::all(), Capabilities::SHADER_FLOAT16)
                .validate(&module)
                .unwrap_or_else(|e| panic!("{}", e.emit_to_string(&source)));
            let overrides: Vec<_> =
                module.overrides.iter().filter_map(|(_, o)| o.name.as_deref()).collect();
            assert_eq!(overrides, ["WORKGROUP"]);
            let bound = module.global_variables.iter().filter(|(_, v)| v.binding.is_some());
            assert_eq!(bound.count(), 3);
            let found = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some("Rows"));
            let (_, ty) = found.expect("declared");
            let naga::TypeInner::Struct { span, .. } = &ty.inner else { panic!("not a struct") };
            assert_eq!(*span as usize, size_of::<Rows>());
        }
    }
}
