//! Texels as formats store them, on their way into a texture, through a filter and back.

use super::*;

/// A format, its channels, and how a texel's value is stored and read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Format {
    pub(super) format: TextureFormat,
    pub(super) channels: usize,
    /// Bytes of one channel.
    pub(super) size: usize,
    /// By how much a stored value may differ.
    pub(super) error: f32,
}

pub(super) const FORMATS: [Format; 4] = [
    Format { format: TextureFormat::Rgba8Unorm, channels: 4, size: 1, error: 0.5 / 255.0 },
    Format { format: TextureFormat::Rgba16Float, channels: 4, size: 2, error: 1e-3 },
    Format { format: TextureFormat::R32Float, channels: 1, size: 4, error: 0.0 },
    Format { format: TextureFormat::Rgba32Float, channels: 4, size: 4, error: 0.0 },
];

impl Format {
    pub(super) fn bytes(&self, value: f32) -> Vec<u8> {
        match self.size {
            1 => vec![(value * 255.0).round() as u8],
            2 => half(value).to_le_bytes().to_vec(),
            _ => value.to_le_bytes().to_vec(),
        }
    }

    pub(super) fn value(&self, bytes: &[u8]) -> f32 {
        match *bytes {
            [byte] => f32::from(byte) / 255.0,
            [low, high] => from_half(u16::from_le_bytes([low, high])),
            _ => bytemuck::pod_read_unaligned(bytes),
        }
    }

    /// Values that the format stores exactly: in 0 .. 1, of at most eight bits.
    pub(super) fn exact(&self, random: &mut Random) -> f32 {
        let byte = random.below(256) as f32;
        if self.size == 1 { byte / 255.0 } else { byte / 256.0 }
    }
}

/// A normal number that half precision has exactly.
fn half(value: f32) -> u16 {
    if value == 0.0 {
        return 0;
    }
    let bits = value.to_bits();
    let exponent = (bits >> 23 & 0xff) as i32 - 127 + 15;
    assert!((1..31).contains(&exponent) && bits & 0x1fff == 0, "{value} has no half");
    (exponent as u16) << 10 | (bits >> 13 & 0x3ff) as u16 | (bits >> 16 & 0x8000) as u16
}

fn from_half(half: u16) -> f32 {
    let (exponent, mantissa) = (i32::from(half >> 10 & 0x1f), f32::from(half & 0x3ff));
    let magnitude = match exponent {
        0 => mantissa * 2f32.powi(-24),
        31 => f32::NAN,
        _ => (1.0 + mantissa / 1024.0) * 2f32.powi(exponent - 15),
    };
    if half >> 15 == 1 { -magnitude } else { magnitude }
}

#[test]
fn halves_are_what_they_were() {
    for byte in 0..256 {
        let value = byte as f32 / 256.0;
        assert_eq!(from_half(half(value)), value);
        assert_eq!(from_half(half(-value)), if byte == 0 { 0.0 } else { -value });
    }
}

/// Height x width x channels, from one texture to another through the filter.
pub(super) fn filtered(
    convolver: &Convolver,
    filter: &Filter<f32, Ix2>,
    formats: [Format; 2],
    x: &Array3<f32>,
) -> Array3<f32> {
    through(convolver, filter.output_dim(), formats, x, |encoder, source, destination| {
        let views = [source, destination].map(|texture| texture.create_view(&Default::default()));
        filter.encode_texture(encoder, &views[0], &views[1]).expect("records");
    })
}

/// The same through what `record` records.
pub(super) fn through(
    convolver: &Convolver,
    output: Ix2,
    formats: [Format; 2],
    x: &Array3<f32>,
    record: impl FnOnce(&mut wgpu::CommandEncoder, &wgpu::Texture, &wgpu::Texture),
) -> Array3<f32> {
    let gpu = convolver.gpu().expect("a GPU");
    let (device, queue) = (gpu.device(), gpu.queue());
    let [from, to] = formats;
    let (height, width, channels) = x.dim();
    let input = [height, width];
    let source = texture(
        device,
        from.format,
        input,
        TextureUsages::TEXTURE_BINDING | TextureUsages::COPY_DST,
    );
    let usage = TextureUsages::STORAGE_BINDING | TextureUsages::COPY_SRC;
    let destination = texture(device, to.format, [output[0], output[1]], usage);
    let bytes: Vec<u8> = x.iter().flat_map(|&value| from.bytes(value)).collect();
    queue.write_texture(
        source.as_image_copy(),
        &bytes,
        wgpu::TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some((width * channels * from.size) as u32),
            rows_per_image: None,
        },
        source.size(),
    );
    let row = (output[1] * channels * to.size).next_multiple_of(256);
    let staged = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: (row * output[0]) as u64,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = device.create_command_encoder(&Default::default());
    record(&mut encoder, &source, &destination);
    encoder.copy_texture_to_buffer(
        destination.as_image_copy(),
        wgpu::TexelCopyBufferInfo {
            buffer: &staged,
            layout: wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(row as u32),
                rows_per_image: None,
            },
        },
        destination.size(),
    );
    queue.submit([encoder.finish()]);
    staged.map_async(wgpu::MapMode::Read, .., |mapped| mapped.expect("maps"));
    device.poll(wgpu::PollType::wait_indefinitely()).expect("done");
    let bytes = staged.get_mapped_range(..).expect("mapped");
    Array3::from_shape_fn((output[0], output[1], channels), |(i, j, c)| {
        let at = i * row + (j * channels + c) * to.size;
        to.value(&bytes[at..at + to.size])
    })
}
