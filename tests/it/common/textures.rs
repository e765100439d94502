//! Textures of a test's own.

use convolve::wgpu::{self, TextureFormat, TextureUsages};

/// A plane of so many rows and columns.
pub fn texture(
    device: &wgpu::Device,
    format: TextureFormat,
    [height, width]: [usize; 2],
    usage: TextureUsages,
) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d {
            width: width as u32,
            height: height as u32,
            depth_or_array_layers: 1,
        },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage,
        view_formats: &[],
    })
}
