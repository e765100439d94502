//! What passes read from and write to.

use std::ops::Range;

/// A range of a buffer. The offset suits the device's storage bindings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Span {
    pub buffer: wgpu::Buffer,
    pub offset: u64,
    pub bytes: u64,
}

/// Either end of passes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    Buffer(Span),
    Texture(wgpu::TextureView),
}

impl Span {
    /// All of a buffer.
    pub(super) fn whole(buffer: &wgpu::Buffer) -> Self {
        Self { buffer: buffer.clone(), offset: 0, bytes: buffer.size() }
    }

    /// The range as a binding; shaders read whole words.
    pub(crate) fn binding(&self) -> wgpu::BindingResource<'_> {
        wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: &self.buffer,
            offset: self.offset,
            size: wgpu::BufferSize::new(self.bytes.next_multiple_of(4)),
        })
    }

    pub(super) fn part(&self, range: Range<u64>) -> Self {
        let (offset, bytes) = (self.offset + range.start, range.end - range.start);
        Self { buffer: self.buffer.clone(), offset, bytes }
    }
}

impl From<&Span> for End {
    fn from(span: &Span) -> Self {
        Self::Buffer(span.clone())
    }
}

impl End {
    /// All of it as a binding.
    pub(super) fn binding(&self) -> wgpu::BindingResource<'_> {
        match self {
            Self::Buffer(span) => span.binding(),
            Self::Texture(view) => wgpu::BindingResource::TextureView(view),
        }
    }
}
