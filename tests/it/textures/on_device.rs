//! Textures of the test's own on a convolver's device: filled, filtered and read.

use super::*;
use crate::common::textures::texture;

pub(super) struct Gpu<'a> {
    pub(super) device: &'a wgpu::Device,
    pub(super) queue: &'a wgpu::Queue,
}

impl Gpu<'_> {
    pub(super) fn texture(
        &self,
        format: TextureFormat,
        size: [usize; 2],
        usage: TextureUsages,
    ) -> wgpu::Texture {
        texture(self.device, format, size, usage)
    }

    /// A texture of four single-precision channels that holds this.
    pub(super) fn holding(&self, x: &Array3<f32>) -> wgpu::Texture {
        let (height, width, channels) = x.dim();
        assert_eq!(channels, 4);
        let texture = self.texture(TextureFormat::Rgba32Float, [height, width], STORED);
        self.fill(&texture, x);
        texture
    }

    pub(super) fn fill(&self, texture: &wgpu::Texture, x: &Array3<f32>) {
        let samples: Vec<f32> = x.iter().copied().collect();
        self.queue.write_texture(
            texture.as_image_copy(),
            bytemuck::cast_slice(&samples),
            wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(texture.width() * 16),
                rows_per_image: None,
            },
            texture.size(),
        );
    }

    pub(super) fn submit(&self, record: impl FnOnce(&mut wgpu::CommandEncoder)) {
        let mut encoder = self.device.create_command_encoder(&Default::default());
        record(&mut encoder);
        self.queue.submit([encoder.finish()]);
    }

    pub(super) fn wait(&self) {
        self.device.poll(wgpu::PollType::wait_indefinitely()).expect("done");
    }

    /// What a texture of four single-precision channels holds.
    pub(super) fn read(&self, texture: &wgpu::Texture) -> Array3<f32> {
        assert_eq!(texture.format(), TextureFormat::Rgba32Float);
        let (height, width) = (texture.height() as usize, texture.width() as usize);
        let row = (width * 16).next_multiple_of(256);
        let staged = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: (row * height) as u64,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        self.submit(|encoder| {
            let layout = wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(row as u32),
                rows_per_image: None,
            };
            encoder.copy_texture_to_buffer(
                texture.as_image_copy(),
                wgpu::TexelCopyBufferInfo { buffer: &staged, layout },
                texture.size(),
            );
        });
        staged.map_async(wgpu::MapMode::Read, .., |mapped| mapped.expect("maps"));
        self.wait();
        let bytes = staged.get_mapped_range(..).expect("mapped");
        Array3::from_shape_fn((height, width, 4), |(i, j, c)| {
            bytemuck::pod_read_unaligned(&bytes[i * row + j * 16 + c * 4..][..4])
        })
    }

    /// What a shader sees of a texture of any format.
    pub(super) fn seen(&self, convolver: &Convolver, texture: &wgpu::Texture) -> Array3<f32> {
        let size = [texture.height() as usize, texture.width() as usize];
        let seen = self.texture(TextureFormat::Rgba32Float, size, STORED);
        let identity = convolver.filter(&ndarray::arr2(&[[1.0f32]]));
        let identity = identity.for_textures((size[0], size[1])).expect("admissible");
        self.submit(|encoder| identity.encode(encoder, texture, &seen).expect("records"));
        self.read(&seen)
    }
}

/// The device of a convolver, for what callers bring.
pub(super) fn on(convolver: &Convolver) -> (wgpu::Device, wgpu::Queue) {
    let gpu = convolver.gpu().expect("a GPU");
    (gpu.device().clone(), gpu.queue().clone())
}
