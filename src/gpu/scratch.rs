//! Memory that everything recorded on one device shares: what a recording leaves in it only its own next
//! dispatch reads, and the device's queue puts recordings one after another.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Result;
use crate::gpu::buffers::{Pooled, unsubmitted};
use crate::gpu::context::Context;
use crate::gpu::end::Span;
use crate::gpu::texture::texture_format;
use crate::plan::gpu::stored::TexelFormat;
use crate::plan::gpu::textures::SCRATCHES;

/// Each as large as anybody has asked for yet.
#[derive(Debug, Default)]
pub(crate) struct SharedScratch {
    buffers: Mutex<[Option<Arc<Pooled>>; SCRATCHES]>,
    textures: Mutex<Vec<(TexelFormat, wgpu::TextureView)>>,
}

impl SharedScratch {
    /// A buffer of at least so many bytes; recordings that use several tell them apart by their numbers.
    pub(crate) fn buffer(&self, context: &Context, number: usize, bytes: u64) -> Result<Span> {
        let fitting = |buffers: &[Option<Arc<Pooled>>]| {
            let span = buffers[number].as_ref()?.span();
            (span.bytes >= bytes).then_some(span)
        };
        if let Some(span) = fitting(&*lock(&self.buffers)) {
            return Ok(span);
        }
        let made = Arc::new(unsubmitted(context, bytes, "what is between two passes")?);
        let mut buffers = lock(&self.buffers);
        // Another thread may have made one meanwhile.
        if let Some(span) = fitting(&*buffers) {
            return Ok(span);
        }
        let span = made.span();
        buffers[number] = Some(made);
        Ok(span)
    }

    /// A texture of this format and at least this size, which shaders store to and load from.
    pub(crate) fn texture(
        &self,
        context: &Context,
        format: TexelFormat,
        [width, height]: [u32; 2],
    ) -> Result<wgpu::TextureView> {
        let fitting = |textures: &[(TexelFormat, wgpu::TextureView)]| {
            textures.iter().find_map(|(kept, view)| {
                let texture = view.texture();
                let fits = texture.width() >= width && texture.height() >= height;
                (*kept == format && fits).then(|| view.clone())
            })
        };
        let mut had = [0, 0];
        {
            let textures = lock(&self.textures);
            if let Some(view) = fitting(&textures) {
                return Ok(view);
            }
            if let Some((_, view)) = textures.iter().find(|(kept, _)| *kept == format) {
                had = [view.texture().width(), view.texture().height()];
            }
        }
        let make = |[width, height]: [u32; 2]| {
            context.guarded(|| {
                let texture = context.device.create_texture(&wgpu::TextureDescriptor {
                    label: Some("convolve scratch"),
                    size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
                    mip_level_count: 1,
                    sample_count: 1,
                    dimension: wgpu::TextureDimension::D2,
                    format: texture_format(format),
                    usage: wgpu::TextureUsages::STORAGE_BINDING
                        | wgpu::TextureUsages::TEXTURE_BINDING,
                    view_formats: &[],
                });
                texture.create_view(&wgpu::TextureViewDescriptor::default())
            })
        };
        // As large along both axes as anybody has asked for, so that there is an end to it, where there is
        // memory for that.
        let both = [width.max(had[0]), height.max(had[1])];
        let made = make(both).or_else(|_| make([width, height]))?;
        context.counters.textures.add(1);
        let mut textures = lock(&self.textures);
        if let Some(view) = fitting(&textures) {
            return Ok(view);
        }
        textures.retain(|(kept, _)| *kept != format);
        textures.push((format, made.clone()));
        Ok(made)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
